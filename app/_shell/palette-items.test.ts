import { expect, it } from "vitest";
import { createText } from "@/app/_i18n/format-text";
import { CHINESE } from "@/core/texts/chinese";
import {
  filterItems,
  listActionItems,
  listFoundItems,
  listPageItems,
  listRunItems,
} from "./palette-items";

const t = createText("en", {});

it("finds pages by words in any order, and what begins with them first", () => {
  expect(filterItems(listPageItems(t), "run new")[0]?.label).toBe("New run");
  expect(filterItems(listPageItems(t), "run")[0]?.label).toBe("Runs");
  expect(filterItems(listPageItems(t), "gpu")[0]?.label).toBe("Workers");
  expect(filterItems(listPageItems(t), "no such page")).toEqual([]);
});

it("finds pages by words in English and in the page's language, once it is another", () => {
  const items = listPageItems(createText("zh", CHINESE));
  const find = (text: string) => filterItems(items, text).map(({ href }) => href);
  expect(find("运行")).toContain("/runs");
  expect(find("runs")).toContain("/runs");
  expect(find("排行榜")).toEqual(["/leaderboard"]);
  expect(find("leaderboard")).toEqual(["/leaderboard"]);
  expect(find("gpu")).toEqual(["/workers"]);
  expect(find("密钥")).toEqual(["/workers"]);
});

it("leads to what the server found, with names of any characters", () => {
  const found = listFoundItems(t, {
    runs: [{ id: "1", name: "A", kind: "train", state: "failed" }],
    sweeps: [],
    questions: [{ set: "a/b", id: "q", question: "Who & where?" }],
    corpora: [{ name: "a/b" }],
  });
  expect(found.map(({ href }) => href)).toEqual([
    "/runs/1",
    "/questions?set=a%2Fb&q=Who+%26+where%3F",
    "/corpora/a%2Fb",
  ]);
});

it.each([
  ["import", "/leaderboard?open=import"],
  ["attach worker", "/workers?open=attach"],
  ["slack", "/notifications?open=channel"],
  ["compare runs", "/runs"],
  ["ask", "/playground/ask"],
  ["new sweep", "/runs/new?as=sweep"],
])("finds what can be begun by %s", (text, href) => {
  expect(filterItems(listActionItems(t), text).map((item) => item.href)).toContain(href);
});

it("offers the other languages, each named in itself", () => {
  const offered = (language: "en" | "zh") =>
    listActionItems(createText(language, language === "zh" ? CHINESE : {})).flatMap(({ action }) =>
      action && "language" in action ? [action.language] : [],
    );
  expect(offered("en")).toEqual(["zh"]);
  expect(offered("zh")).toEqual(["en"]);
  expect(filterItems(listActionItems(t), "中文")[0]?.action).toEqual({ language: "zh" });
});

it("offers of the open run what is allowed, and the parts that its kind has", () => {
  const items = listRunItems(t, { id: "1", kind: "train", actions: ["pause", "cancel"] }, false);
  expect(items.flatMap(({ action }) => (action ? [action] : []))).toEqual([
    { dialog: "cancel" },
    { dialog: "pause" },
  ]);
  expect(items.map(({ href }) => href)).toContain("/runs/1?tab=checkpoints");
  const done = listRunItems(t, { id: "1", kind: "evaluate", actions: [] }, false);
  expect(done.some(({ action }) => action)).toBe(false);
  expect(done.map(({ href }) => href)).not.toContain("/runs/1?tab=checkpoints");
});
