import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it } from "vitest";
import { playedResults } from "@/app/_episode/use-play";
import { renderPage, type Answers } from "@/app/_testing/render-page";
import type { EpisodeStep } from "@/contracts/records/episode";
import type { PlayResult } from "@/contracts/worker-protocol/tasks";
import { AskView } from "./ask-view";

// Loaded before anything is drawn, as a test waits a second at most.
await Promise.all([playedResults.load(), import("./answerer-config")]);

const text = { id: "d", hash: "h", title: "Lima", text: "Lima is the capital of Peru." };
const steps: EpisodeStep[] = [
  {
    kind: "retrieve",
    turn: 0,
    seconds: 0,
    query: "capital of Peru",
    documents: [{ id: "d", hash: "h", score: 1 }],
  },
];
const result = (score: number | null): PlayResult => ({
  record: {
    phase: "predict",
    step: null,
    episode: {
      key: "k",
      method: "rag",
      protocol: "paper",
      questionId: "asked",
      sampleIndex: 0,
      steps,
      context: [],
    },
    answer: { key: "k", generator: "m", promptStyle: "chat/1", text: "Lima!", seconds: 0 },
    score: score === null ? null : { scorer: "span/1", value: score },
    baseline: null,
    reward: null,
    advantage: null,
    attribution: null,
    formatErrors: [],
  },
  documents: [text],
  seconds: 0.5,
});

const S3 = "00000000-0000-4000-8000-000000000001";
const RAG = "00000000-0000-4000-8000-000000000002";

/** s3 is under way, RAG has ended as given. */
function draw(rag: { state: "succeeded" | "failed"; score?: number | null }) {
  const asked: unknown[] = [];
  const preset = (method: string) => ({
    id: `atlas-${method}`,
    title: method,
    description: "",
    config: { kind: "predict", method, searcher: {}, corpus: "x" },
  });
  const task = {
    kind: "play" as const,
    worker: { id: S3, name: "w" },
    detail: "turn 0: reading",
    fraction: 0.5,
    createdAt: new Date(),
  };
  const answers = {
    "catalogue.presets": () => [preset("s3"), preset("rag")],
    "catalogue.corpora": () => [],
    "workers.list": () => [],
    "tasks.create": (input: { config: { method: string } }) => {
      asked.push(input);
      return { taskId: input.config.method === "s3" ? S3 : RAG };
    },
    "tasks.get": ({ id }: { id: string }) =>
      id === S3
        ? {
            ...task,
            id,
            state: "running" as const,
            endedAt: null,
            error: null,
            result: null,
            partial: { steps, documents: [text] },
          }
        : {
            ...task,
            id,
            state: rag.state,
            endedAt: new Date(),
            error:
              rag.state === "failed"
                ? { code: "retriever-unavailable" as const, message: "the index is gone" }
                : null,
            result: rag.state === "failed" ? null : result(rag.score ?? null),
            partial: null,
          },
  } as unknown as Answers;
  renderPage(<AskView />, answers, "/playground/ask?q=Capital%20of%20Peru%3F&answer=Lima");
  return asked;
}
const findColumn = async (name: string) => within(await screen.findByRole("region", { name }));
const ask = () => userEvent.click(screen.getByRole("button", { name: "Ask" }));

it("asks each of them, and shows turns as they come and answers when they are there", async () => {
  const asked = draw({ state: "succeeded", score: 1 });
  expect(screen.getAllByText("Nothing has been played yet.")).toHaveLength(2);
  await ask();
  const s3 = await findColumn("s3, untrained");
  expect(await s3.findByText("turn 0: reading")).toBeTruthy();
  expect(s3.getByRole("heading", { name: "Turn 0" })).toBeTruthy();
  expect(s3.queryByTestId("played-answer")).toBeNull();
  const rag = await findColumn("RAG");
  expect((await rag.findByTestId("played-answer")).textContent).toContain("Lima!");
  expect(rag.getByText("span/1 1")).toBeTruthy();
  expect(rag.getAllByText("Lima").some(({ dataset }) => dataset.mark === "answer")).toBe(true);
  expect(asked).toMatchObject([
    { kind: "ask", question: "Capital of Peru?", answers: ["Lima"], config: { corpus: "atlas" } },
    { config: { method: "rag" } },
  ]);
});

it("says what was not scored, and why one of them failed while the other goes on", async () => {
  draw({ state: "failed" });
  await ask();
  const rag = await findColumn("RAG");
  expect((await rag.findByRole("alert")).textContent).toContain("the index is gone");
  expect(rag.getByRole("button", { name: "Try again" })).toBeTruthy();
  expect(await (await findColumn("s3, untrained")).findByText("turn 0: reading")).toBeTruthy();
});
