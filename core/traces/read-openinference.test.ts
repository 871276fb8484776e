import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { exportTraceRequestSchema } from "@/contracts/formats/otlp/export-request";
import type { TraceSpan } from "@/contracts/formats/traces/span";
import { DEFAULT_MAPPINGS } from "./mappings";
import { readOpenInferenceRollout } from "./read-openinference";
import { nestAttributes, readResourceSpans } from "./read-otlp";
import type { Rollout } from "./rollout";

const MAPPING = DEFAULT_MAPPINGS.openinference;
/** What the official exporter sent of one rollout. */
const RECORDED = JSON.parse(
  readFileSync(new URL("../../server/http/testing/otlp-recorded.json", import.meta.url), "utf8"),
) as { json: unknown };
const [RESOURCE] = readResourceSpans(exportTraceRequestSchema.parse(RECORDED.json));

const play = (spans: readonly TraceSpan[]) => {
  const rollout = readOpenInferenceRollout(spans, MAPPING) as Rollout;
  return { rollout, ...rollout.play("What is question 1?") };
};

it("a recorded trace becomes what was written, searched and kept, each search once", () => {
  const { rollout, steps, context, documents, unread } = play(RESOURCE!.spans);
  expect(RESOURCE!.attributes).toMatchObject({ "s3.questions": "two questions" });
  expect(rollout).toMatchObject({ step: 3, model: "qwen", answer: "an answer", phase: "train" });
  expect(rollout.questions[0]).toBe("What is question 1?");
  expect(steps.map(({ kind }) => kind)).toEqual(["generate", "retrieve", "select", "generate"]);
  expect(steps[0]).toMatchObject({ text: "I search.", promptTokens: 12, completionTokens: 3 });
  expect(documents.map(({ title }) => title)).toEqual(["Card 1", "Card 2"]);
  expect(context.map(({ hash }) => hash)).toEqual([documents[1]!.hash]);
  expect(unread).toEqual([
    { reason: 'tool "calculator" is none of those that search', example: "guess" },
  ]);
});

it("the order of its spans does not matter, as they come in any", () => {
  expect(play(RESOURCE!.spans.toReversed()).steps).toEqual(play(RESOURCE!.spans).steps);
});

it("a trace without its first span is none; failed spans and unknown kinds are listed", () => {
  const below = RESOURCE!.spans.filter(({ parentId }) => parentId !== null);
  expect(readOpenInferenceRollout(below, MAPPING)).toMatch(/no first span/);
  const odd = RESOURCE!.spans.map((span) =>
    span.name === "rerank" ? { ...span, error: "too slow", attributes: {} } : span,
  );
  const { unread, context } = play(odd);
  expect(unread.map(({ reason }) => reason)).toEqual(
    expect.arrayContaining(['span "rerank" failed', 'spans of kind "none" are not read']),
  );
  expect(context).toHaveLength(2);
});

it("attributes whose names have many parts stay flat, and long names are cut where they are listed", () => {
  const deep = Array.from({ length: 100_000 }, () => "a").join(".");
  expect(nestAttributes({ [deep]: 1, "b.c": 2 })).toEqual({ [deep]: 1, b: { c: 2 } });
  const named = RESOURCE!.spans.map((span) => ({
    ...span,
    name: "n".repeat(10_000),
    error: span.parentId === null ? null : "failed",
  }));
  for (const { reason } of play(named).unread) expect(reason.length).toBeLessThan(310);
});

it("a span whose ids are none is refused with its reason", () => {
  const [resource] = readResourceSpans(
    exportTraceRequestSchema.parse({
      resourceSpans: [
        {
          scopeSpans: [
            {
              spans: [
                { traceId: "a".repeat(32), spanId: "b".repeat(16), parentSpanId: "\u0000" },
                { traceId: "a".repeat(32), spanId: "none", name: "n".repeat(10_000) },
              ],
            },
          ],
        },
      ],
    }),
  );
  expect(resource!.spans).toEqual([]);
  expect(resource!.refused).toHaveLength(2);
  for (const reason of resource!.refused) {
    expect(reason).toMatch(/no id of a span/);
    expect(reason.length).toBeLessThan(400);
  }
});
