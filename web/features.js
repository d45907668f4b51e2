/** The features of the editor, one a line. The order is theirs to say, with `needs`. */

import { content } from "./features/content/content.js";
import { errors } from "./features/errors/errors.js";
import { history } from "./features/history/history.js";
import { keys } from "./features/keys/keys.js";
import { move } from "./features/move/move.js";
import { navigate } from "./features/navigate/navigate.js";
import { progress } from "./features/progress/progress.js";
import { queue } from "./features/queue/queue.js";
import { reconnect } from "./features/reconnect/reconnect.js";
import { run } from "./features/run/run.js";
import { subgraphs } from "./features/subgraphs/subgraphs.js";
import { widgets } from "./features/widgets/widgets.js";
import { workflows } from "./features/workflows/workflows.js";

/** @import { Feature } from "./core/editor.js" */

/** @type {Feature[]} */
export const features = [
  content,
  errors,
  history,
  keys,
  move,
  navigate,
  progress,
  queue,
  reconnect,
  run,
  subgraphs,
  widgets,
  workflows,
];
