import { registerExtension } from "/extension.js";

registerExtension({
  name: "Half done",
  setup(api) {
    api.addCommand({ id: "half.done", title: "Half done", run: () => {} });
    throw new Error("broken while setting up");
  },
});
