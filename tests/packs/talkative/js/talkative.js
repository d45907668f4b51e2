// What a page loads of this pack.
export const name = "talkative"
