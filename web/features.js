/**
 * The features that the first workflow is seen and run with, one a line; the others follow in `later.js`. The order is
 * theirs to say, with `needs`.
 */

import { content } from "./features/content/content.js";
import { history } from "./features/history/history.js";
import { keys } from "./features/keys/keys.js";
import { move } from "./features/move/move.js";
import { navigate } from "./features/navigate/navigate.js";
import { run } from "./features/run/run.js";
import { widgets } from "./features/widgets/widgets.js";
import { workflows } from "./features/workflows/workflows.js";

/** @import { Feature } from "./core/editor.js" */

/** @type {Feature[]} */
export const features = [
  content,
  history,
  keys,
  move,
  navigate,
  run,
  widgets,
  workflows,
];
