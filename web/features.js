/** The features of the editor, one a line. The order is theirs to say, with `needs`. */

import { content } from "./features/content/content.js";
import { keys } from "./features/keys/keys.js";
import { move } from "./features/move/move.js";
import { navigate } from "./features/navigate/navigate.js";
import { run } from "./features/run/run.js";
import { theme } from "./features/theme/theme.js";
import { widgets } from "./features/widgets/widgets.js";
import { workflows } from "./features/workflows/workflows.js";

/** @import { Feature } from "./core/editor.js" */

/** @type {Feature[]} */
export const features = [
  content,
  keys,
  move,
  navigate,
  run,
  theme,
  widgets,
  workflows,
];
