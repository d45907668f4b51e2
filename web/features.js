/** The features of the editor, one a line. The order is theirs to say, with `needs`. */

import { arrange } from "./features/arrange/arrange.js";
import { choose } from "./features/choose/choose.js";
import { clipboard } from "./features/clipboard/clipboard.js";
import { commandPalette } from "./features/command-palette/command-palette.js";
import { content } from "./features/content/content.js";
import { errors } from "./features/errors/errors.js";
import { find } from "./features/find/find.js";
import { groups } from "./features/groups/groups.js";
import { history } from "./features/history/history.js";
import { keys } from "./features/keys/keys.js";
import { library } from "./features/library/library.js";
import { lookBack } from "./features/look-back/look-back.js";
import { menus } from "./features/menus/menus.js";
import { minimap } from "./features/minimap/minimap.js";
import { move } from "./features/move/move.js";
import { navigate } from "./features/navigate/navigate.js";
import { nodeState } from "./features/node-state/node-state.js";
import { palette } from "./features/palette/palette.js";
import { progress } from "./features/progress/progress.js";
import { queue } from "./features/queue/queue.js";
import { reconnect } from "./features/reconnect/reconnect.js";
import { rename } from "./features/rename/rename.js";
import { reroutes } from "./features/reroutes/reroutes.js";
import { run } from "./features/run/run.js";
import { settings } from "./features/settings/settings.js";
import { splice } from "./features/splice/splice.js";
import { theme } from "./features/theme/theme.js";
import { walk } from "./features/walk/walk.js";
import { widgets } from "./features/widgets/widgets.js";
import { wire } from "./features/wire/wire.js";
import { workflows } from "./features/workflows/workflows.js";

/** @import { Feature } from "./core/editor.js" */

/** @type {Feature[]} */
export const features = [
  arrange,
  choose,
  clipboard,
  commandPalette,
  content,
  errors,
  find,
  groups,
  history,
  keys,
  library,
  lookBack,
  menus,
  minimap,
  move,
  navigate,
  nodeState,
  palette,
  progress,
  queue,
  reconnect,
  rename,
  reroutes,
  run,
  settings,
  splice,
  theme,
  walk,
  widgets,
  wire,
  workflows,
];
