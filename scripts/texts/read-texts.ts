import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { launchedKindSchema } from "@/contracts/records/run-state";
import { LEARNING_TITLES } from "@/core/run/learning";
import { COMPARABILITY_REASONS } from "@/core/comparability/reasons";
import { CORPUS_PRESETS } from "@/core/presets/corpus-presets";
import { GLOSSARY, GLOSSARY_SECTIONS, METHOD_SUMMARIES } from "@/core/glossary/glossary";
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
import { ROOT } from "@/lib/paths.mjs";

/** A text of the interface and where it is asked for. */
export interface FoundText {
  english: string;
  place: string;
}

const ASKING = new Set(["t", "t.rich", "markText", "titlePage"]);

/** The texts that an argument may be: literals, also as the outcomes of a condition. */
function listLiterals(node: ts.Expression): string[] {
  if (ts.isStringLiteralLike(node)) return [node.text];
  if (ts.isParenthesizedExpression(node)) return listLiterals(node.expression);
  if (ts.isConditionalExpression(node))
    return [...listLiterals(node.whenTrue), ...listLiterals(node.whenFalse)];
  if (ts.isBinaryExpression(node)) return [...listLiterals(node.left), ...listLiterals(node.right)];
  return [];
}

/** The texts that the code of pages, and of what core writes for them, asks for. */
export function readCodeTexts(): FoundText[] {
  return ["app", "core"]
    .flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" }).map((path) =>
        join(folder, path),
      ),
    )
    .filter((path) => /\.tsx?$/.test(path) && !/\.test\.tsx?$|testing\//.test(path))
    .flatMap((path) => {
      const text = readFileSync(join(ROOT, path), "utf8");
      const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest);
      const found: FoundText[] = [];
      const visit = (node: ts.Node): void => {
        if (ts.isCallExpression(node) && ASKING.has(node.expression.getText(source)))
          for (const english of node.arguments[0] ? listLiterals(node.arguments[0]) : [])
            found.push({ english, place: path });
        ts.forEachChild(node, visit);
      };
      visit(source);
      return found;
    });
}

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
