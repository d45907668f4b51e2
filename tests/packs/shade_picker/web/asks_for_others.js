import { app } from "/scripts/app.js"; // not there

app.registerExtension({ name: "Elsewhere" });
