import { act, screen } from "@testing-library/react";
import { Suspense } from "react";
import { expect, it } from "vitest";
import { TextProvider } from "@/app/_i18n/text-provider";
import type { RunDetail } from "@/app/_lib/live/trpc";
import { renderPage } from "@/app/_testing/render-page";
import { Preparation } from "./preparation";

const renderPreparation = (language: "en" | "zh", run: Partial<RunDetail>) =>
  // What is suspended for its language is drawn once that is there.
  act(async () => {
    renderPage(
      <Suspense>
        <TextProvider language={language}>
          <Preparation run={{ kind: "train", worker: null, progress: null, ...run } as RunDetail} />
        </TextProvider>
      </Suspense>,
    );
    await Promise.resolve();
  });

const CHECKS: RunDetail["preflight"] = [
  {
    name: "questions",
    state: "ready",
    seconds: 0.2,
    detail: "100 to train on, 20 held out",
    error: null,
  },
  { name: "engine", state: "running", seconds: 4, detail: "loading qwen", error: null },
  {
    name: "judge",
    state: "failed",
    seconds: 1,
    detail: "",
    error: "The engine is not available, so what needs it is not either.",
  },
  { name: "generator", state: "ready", seconds: 1, detail: "a word of its own", error: null },
];

it.each([
  ["zh", "100 题用于训练，20 题留出", "正在加载 qwen", "引擎不可用，因此需要它的部分也不可用。"],
  [
    "en",
    "100 to train on, 20 held out",
    "loading qwen",
    "The engine is not available, so what needs it is not either.",
  ],
] as const)("says in %s what each check says", async (language, ...texts) => {
  await renderPreparation(language, { state: "preparing", preflight: CHECKS });
  for (const text of [...texts, "a word of its own"])
    expect(await screen.findByText(text)).toBeTruthy();
});

it.each([
  ["zh", "没有已接入的工作节点具备模型 qwen；资源池 box 正在启动 box-1（waits for nodes）"],
  ["en", "no attached worker has the model qwen; the pool box starts box-1 (waits for nodes)"],
] as const)("says in %s what a run waits for", async (language, text) => {
  await renderPreparation(language, {
    state: "queued",
    preflight: [],
    waitingFor:
      "no attached worker has the model qwen; the pool box starts box-1 (waits for nodes)",
  });
  expect(await screen.findByText(text)).toBeTruthy();
});
