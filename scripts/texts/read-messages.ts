import ts from "typescript";
import { MEMORY_PARTS } from "@/core/memory/memory-estimate";
import { REQUIREMENT_TEXTS } from "@/core/run/requirement-texts";
import { findTexts, listLiterals, type FoundText } from "./parse-code";

/** Defects, and what a worker is told, which acts on it by itself. */
const UNREAD_CODES: ReadonlySet<string> = new Set(["internal", "stale-attempt", "out-of-order"]);

/** Beginnings of paths whose errors stay English: programs and the terminal get them, or they are not translated yet. */
const UNTRANSLATED = [
  "core/run/assign-settings.ts",
  "core/run/settings.ts",
  "gpu-workers/agent/artifact-transfer",
  "gpu-workers/agent/connection",
  "gpu-workers/agent/identity",
  "gpu-workers/agent/local-commands/",
  "gpu-workers/agent/run-worker",
  "gpu-workers/agent/tinker-service",
  "gpu-workers/agent/tracking-relay",
  "gpu-workers/llm/model-files/hub-",
  "gpu-workers/llm/serving/model-service",
  "gpu-workers/retrieval/backends/push-corpus",
  "gpu-workers/retrieval/encoders/fetch-encoder",
  "gpu-workers/retrieval/service/",
  "gpu-workers/runtime/keys",
  "gpu-workers/runtime/listen",
  "gpu-workers/runtime/thread",
  "server/features/artifacts/",
  "server/features/episodes/store-episodes.ts",
  "server/features/keys/seal.ts",
  "server/features/question-sets/atlas.ts",
  "server/features/tracking/",
  "server/features/workers/",
  "server/http/",
  "server/platform/artifacts/create-store.ts",
  "server/platform/db/check-rows.ts",
  "server/platform/db/migrate.ts",
  "server/platform/guarded-agent.ts",
];

/** Letters that a template must have besides its values. With fewer it would be found in sentences of others. */
const FEWEST_LETTERS = 5;

export const isParticular = (template: string): boolean =>
  template.replaceAll(/\{\w+\}|[^a-z]/gi, "").length >= FEWEST_LETTERS;

/** A template with its values numbered, "{0} to answer", as core/texts/messages.ts finds it. */
const writeTemplate = ({ head, templateSpans }: ts.TemplateExpression): string =>
  head.text + templateSpans.map(({ literal }, i) => `{${i}}${literal.text}`).join("");

function listTemplates(node: ts.Expression): string[] {
  if (ts.isTemplateExpression(node)) return [writeTemplate(node)];
  if (ts.isParenthesizedExpression(node)) return listTemplates(node.expression);
  if (ts.isConditionalExpression(node))
    return [...listTemplates(node.whenTrue), ...listTemplates(node.whenFalse)];
  return listLiterals(node);
}

/** One with braces of its own would be taken for a value. */
const isTemplate = (text: string): boolean =>
  isParticular(text) && !/[{}]/.test(text.replaceAll(/\{\d+\}/g, ""));

/** Messages that server and workers mark, and the parts of an estimate's memory. */
export const readMarkedMessages = (): FoundText[] => [
  ...findTexts(["contracts", "core", "server", "gpu-workers"], (node, source) =>
    ts.isTaggedTemplateExpression(node) && node.tag.getText(source) === "markMessage"
      ? listTemplates(node.template)
      : [],
  ),
  ...MEMORY_PARTS.map((english) => ({ english, place: "memory-parts" })),
  ...Object.values(REQUIREMENT_TEXTS).flatMap(({ detail }) =>
    isParticular(detail) ? [{ english: detail, place: "requirements" }] : [],
  ),
];

/** Messages of the errors that people read. One without words of its own, as "{0}: {1}", is left out. */
export const readErrorMessages = (): FoundText[] =>
  findTexts(["contracts", "core", "server", "gpu-workers"], (node, source) => {
    if (!ts.isNewExpression(node) || node.expression.getText(source) !== "AppError") return [];
    const [code, message] = node.arguments ?? [];
    if (!code || !message || (ts.isStringLiteralLike(code) && UNREAD_CODES.has(code.text)))
      return [];
    return listTemplates(message).filter(isTemplate);
  }).filter(({ place }) => !UNTRANSLATED.some((start) => place.startsWith(start)));
