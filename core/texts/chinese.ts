import type { Catalogue, Translation } from "./format-text";
import { createMessageReader } from "./messages";
import charts from "./zh/charts.json";
import corpora from "./zh/corpora.json";
import episode from "./zh/episode.json";
import glossary from "./zh/glossary.json";
import launch from "./zh/launch.json";
import leaderboard from "./zh/leaderboard.json";
import messages from "./zh/messages.json";
import metrics from "./zh/metrics.json";
import playground from "./zh/playground.json";
import pools from "./zh/pools.json";
import presets from "./zh/presets.json";
import report from "./zh/report.json";
import retrieval from "./zh/retrieval.json";
import runs from "./zh/runs.json";
import settings from "./zh/settings.json";
import shell from "./zh/shell.json";

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
