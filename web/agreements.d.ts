/**
 * What features agree on with each other, by name: the objects that they offer and the events that they tell. Types
 * alone, so that `tsc` checks both sides.
 */

import type { Document } from "./core/document.js";
import type { Group, Node } from "./core/graph.js";
import type { InputSpec } from "./core/spec.js";
import type { ClipboardService } from "./features/clipboard/clipboard.js";
import type { Line } from "./features/console/panel.js";
import type { ContentStore } from "./features/content/store.js";
import type { Errors } from "./features/errors/errors.js";
import type { Problem } from "./features/errors/problems.js";
import type { Extensions } from "./features/extensions/loader.js";
import type { FormService } from "./features/form/form.js";
import type { GalleryService } from "./features/gallery/gallery.js";
import type { Output } from "./features/gallery/outputs.js";
import type { MediaService } from "./features/media/media.js";
import type { MoveEvent } from "./features/move/move.js";
import type { NodeStateService } from "./features/node-state/node-state.js";
import type { PaletteService } from "./features/palette/palette.js";
import type { Failure, Job } from "./features/run/jobs.js";
import type { Refused, RunMode, RunService } from "./features/run/run.js";
import type { Trouble } from "./features/run/sending.js";
import type { Blueprints } from "./features/subgraphs/blueprints.js";
import type { SubgraphService } from "./features/subgraphs/subgraphs.js";
import type { ViewerService } from "./features/viewer/viewer.js";
import type { WalkService } from "./features/walk/walk.js";
import type { Widgets } from "./features/widgets/widgets.js";
import type { Files } from "./features/workflows/files.js";

/**
 * `editor.services`. Those without a question mark come with the page itself (features.js); whoever asks for another
 * one asks first whether it is there, or `needs` its feature.
 */
export interface Services {
  content: ContentStore;
  run: RunService;
  widgets: Widgets;
  workflows: Files;
  blueprints?: Blueprints;
  clipboard?: ClipboardService;
  errors?: Errors;
  extensions?: Extensions;
  form?: FormService;
  gallery?: GalleryService;
  media?: MediaService;
  nodeState?: NodeStateService;
  palette?: PaletteService;
  /** Opens the field of a title. */
  rename?: (thing: Node | Group) => void;
  subgraphs?: SubgraphService;
  viewer?: ViewerService;
  walk?: WalkService;
}

/** What features tell through `editor.events`, with what listeners are handed. */
export interface FeatureEvents {
  /** Something of the page or of an extension threw. */
  "console:error": Line;
  "errors:change": null;
  /** There are new problems. */
  "errors:told": { document: Document; problems: Problem[]; isPartial: boolean };
  "extension:error": { name: string; error: unknown };
  /** One came, or stands otherwise. */
  "extensions:change": Extensions["records"];
  "files:uploaded": { folder: string; path: string };
  "gallery:deleted": Output[];
  "gallery:restored": { trash: string; files: Output[] };
  "move:cancel": null;
  "move:drag": MoveEvent;
  /** What a listener changes is part of the same step of undo. */
  "move:drop": MoveEvent;
  /** The server answers again. */
  "reconnect:back": null;
  /** A document is about to be queued. */
  "run:asked": Document;
  /** A node was kept from running; the rest of the job goes on. */
  "run:blocked": { job: Job; failure: Failure };
  "run:failed": Job;
  /** The state of a job is another one. */
  "run:job": Job;
  /** Its `lastJobs` are other ones. */
  "run:jobs": Document;
  "run:mode": RunMode;
  "run:preview": { job: Job; id: string; picture: Blob };
  "run:progress": Job;
  "run:refused": Refused;
  /** The results inside a subgraph were painted anew. */
  "run:shown-again": null;
  /** Why jobs wait in the page. */
  "run:trouble": Trouble;
  /** A list of choices that lies elsewhere has come. */
  "widget:choices": InputSpec;
  /** By the person. */
  "workflow:closed": Document;
  /** Its file has a picture now. */
  "workflow:pictured": Document;
  /** From its draft, or in place of an older state of its file: what its last jobs brought is shown again. */
  "workflow:restored": Document;
  "workflow:saved": Document;
}
