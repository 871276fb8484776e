import type { Catalogue, Translation } from "../format-text";
import { createMessageReader } from "../messages";
import charts from "./charts.json";
import corpora from "./corpora.json";
import episode from "./episode.json";
import glossary from "./glossary.json";
import launch from "./launch.json";
import leaderboard from "./leaderboard.json";
import messages from "./messages.json";
import metrics from "./metrics.json";
import playground from "./playground.json";
import pools from "./pools.json";
import presets from "./presets.json";
import report from "./report.json";
import retrieval from "./retrieval.json";
import runs from "./runs.json";
import settings from "./settings.json";
import shell from "./shell.json";

/** Every text of the interface in Simplified Chinese by its English, kept by what it is about; a text stands in one part. */
export const PARTS: Readonly<Record<string, Catalogue>> = {
  shell,
  charts,
  runs,
  report,
  episode,
  launch,
  leaderboard,
  retrieval,
  corpora,
  playground,
  pools,
  settings,
  glossary,
  metrics,
  presets,
  messages,
};

export const CHINESE: Catalogue = Object.assign({}, ...Object.values(PARTS)) as Catalogue;

export const CHINESE_TRANSLATION: Translation = {
  texts: CHINESE,
  readMessage: createMessageReader(messages, CHINESE),
};
