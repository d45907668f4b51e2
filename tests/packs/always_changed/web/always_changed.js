export const name = "always_changed";
