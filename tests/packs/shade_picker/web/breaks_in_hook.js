import { registerExtension } from "/extension.js";

registerExtension({
  name: "Bad listener",
  setup(api) {
    api.on("beforeQueue", () => {
      throw new Error("broken before queueing");
    });
  },
});
