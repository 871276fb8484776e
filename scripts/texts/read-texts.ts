import ts from "typescript";
import { launchedKindSchema } from "@/contracts/records/run-state";
import { LEARNING_TITLES } from "@/core/run/learning";
import { COMPARABILITY_REASONS } from "@/core/comparability/reasons";
import { CORPUS_PRESETS } from "@/core/presets/corpus-presets";
import { GLOSSARY, GLOSSARY_SECTIONS } from "@/core/glossary/glossary";
import { METHOD_SUMMARIES } from "@/core/glossary/shown-texts";
import { PASS_STATE_MEANINGS } from "@/core/metrics/pass-rates";
import { METRICS } from "@/core/metrics/metric-table";
import { getHeadlineMetric, getMetricLabel } from "@/core/metrics/metrics";
import { ALARMS } from "@/core/metrics/alarms";
import { PRESETS } from "@/core/presets/run-presets";
import { SWEEP_PRESETS } from "@/core/presets/sweep-presets";
import { METHODS } from "@/core/run/methods";
import { REQUIREMENT_TEXTS } from "@/core/run/requirement-texts";
import { BAND_EXPLANATION } from "@/core/sweep/sweep-table";
import { listSettingGroups } from "@/core/run/settings";
import { findTexts, listLiterals, type FoundText } from "./parse-code";

const ASKING = new Set(["t", "t.rich", "markText", "titlePage"]);

/** The texts that the code of pages, and of what core writes for them, asks for. */
export const readCodeTexts = (): FoundText[] =>
  findTexts(["app", "core"], (node, source) =>
    ts.isCallExpression(node) && ASKING.has(node.expression.getText(source)) && node.arguments[0]
      ? listLiterals(node.arguments[0])
      : [],
  );

/** The texts that the pages take from tables of constants: metrics, alarms, settings, methods, presets, the glossary. */
export function listTableTexts(): FoundText[] {
  const kinds = launchedKindSchema.options;
  const groups = kinds.flatMap((kind) =>
    (["retriever", "model"] as const).flatMap((served) => listSettingGroups(kind, served)),
  );
  const settings = groups.flatMap((group) => [
    ...group.settings,
    ...(group.variant?.options ?? []).flatMap((option) => option.settings),
  ]);
  const tables: Record<string, readonly (string | undefined)[]> = {
    glossary: [
      ...Object.values(GLOSSARY).flatMap(({ title, text }) => [title, text]),
      ...GLOSSARY_SECTIONS.map(({ title }) => title),
      ...Object.values(METHOD_SUMMARIES),
    ],
    metrics: [
      ...Object.values(METRICS).flatMap(({ label, description }) => [label, description]),
      ...kinds.map((kind) => getMetricLabel(getHeadlineMetric(kind))),
    ],
    alarms: Object.values(ALARMS).flatMap((a) => [a.title, a.meaning, a.remedy]),
    learning: Object.values(LEARNING_TITLES),
    "pass-states": Object.values(PASS_STATE_MEANINGS),
    settings: [...groups, ...settings.map(({ meta }) => meta)].flatMap(({ title, description }) => [
      title,
      description,
    ]),
    methods: Object.values(METHODS).map(({ title }) => title),
    presets: [...PRESETS, ...SWEEP_PRESETS].flatMap(({ title, description }) => [
      title,
      description,
    ]),
    "corpus-presets": Object.values(CORPUS_PRESETS).flatMap((p) => [
      p.title,
      p.description,
      p.byHand,
    ]),
    comparability: Object.values(COMPARABILITY_REASONS),
    requirements: Object.values(REQUIREMENT_TEXTS).flatMap(({ name, detail }) => [name, detail]),
    sweeps: [BAND_EXPLANATION],
  };
  return Object.entries(tables).flatMap(([place, texts]) =>
    texts.flatMap((english) => (english ? [{ english, place }] : [])),
  );
}
