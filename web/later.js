/** The features that can wait until the page can be used, one a line. */

import { announce } from "./features/announce/announce.js";
import { arrange } from "./features/arrange/arrange.js";
import { choose } from "./features/choose/choose.js";
import { clipboard } from "./features/clipboard/clipboard.js";
import { comeBack } from "./features/come-back/come-back.js";
import { commandPalette } from "./features/command-palette/command-palette.js";
import { console } from "./features/console/console.js";
import { drop } from "./features/drop/drop.js";
import { errors } from "./features/errors/errors.js";
import { extensions } from "./features/extensions/extensions.js";
import { fileNews } from "./features/file-news/file-news.js";
import { find } from "./features/find/find.js";
import { form } from "./features/form/form.js";
import { gallery } from "./features/gallery/gallery.js";
import { groups } from "./features/groups/groups.js";
import { help } from "./features/help/help.js";
import { history } from "./features/history/history.js";
import { library } from "./features/library/library.js";
import { lookBack } from "./features/look-back/look-back.js";
import { mask } from "./features/mask/mask.js";
import { media } from "./features/media/media.js";
import { menus } from "./features/menus/menus.js";
import { minimap } from "./features/minimap/minimap.js";
import { models } from "./features/models/models.js";
import { nodeState } from "./features/node-state/node-state.js";
import { outline } from "./features/outline/outline.js";
import { palette } from "./features/palette/palette.js";
import { progress } from "./features/progress/progress.js";
import { queue } from "./features/queue/queue.js";
import { reconnect } from "./features/reconnect/reconnect.js";
import { rename } from "./features/rename/rename.js";
import { reroutes } from "./features/reroutes/reroutes.js";
import { settings } from "./features/settings/settings.js";
import { splice } from "./features/splice/splice.js";
import { subgraphs } from "./features/subgraphs/subgraphs.js";
import { tips } from "./features/tips/tips.js";
import { touch } from "./features/touch/touch.js";
import { translations } from "./features/translations/translations.js";
import { viewer } from "./features/viewer/viewer.js";
import { walk } from "./features/walk/walk.js";
import { wire } from "./features/wire/wire.js";

/** @import { Feature } from "./core/editor.js" */

/** @type {Feature[]} */
export const features = [
  announce,
  arrange,
  choose,
  clipboard,
  comeBack,
  commandPalette,
  console,
  drop,
  errors,
  extensions,
  fileNews,
  find,
  form,
  gallery,
  groups,
  help,
  history,
  library,
  lookBack,
  mask,
  media,
  menus,
  minimap,
  models,
  nodeState,
  outline,
  palette,
  progress,
  queue,
  reconnect,
  rename,
  reroutes,
  settings,
  splice,
  subgraphs,
  tips,
  touch,
  translations,
  viewer,
  walk,
  wire,
];
