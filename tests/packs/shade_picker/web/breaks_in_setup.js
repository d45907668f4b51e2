import { registerExtension } from "/extension.js";

registerExtension({
  name: "Half done",
  async setup(api) {
    api.addCommand({ id: "half.done", title: "Half done", run: () => {} });
    await new Promise((resolve) => setTimeout(resolve, 600)); // later than the others
    throw new Error("broken while setting up");
  },
});
