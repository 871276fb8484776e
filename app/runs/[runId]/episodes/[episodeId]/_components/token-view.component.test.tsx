import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import type { ComponentProps } from "react";
import { afterEach, expect, it, vi } from "vitest";
import { renderPage } from "@/app/_testing/render-page";
import { TokenView } from "./token-view";

const step = {
  kind: "generate" as const,
  turn: 0,
  seconds: 0,
  prompt: "Hi",
  text: " you",
  ids: [1, 2, 3],
  mask: [0, 1, 1] as (0 | 1)[],
  logprobs: [0, -1, -0.1],
};
const draw = (
  overlay: ComponentProps<typeof TokenView>["overlay"] = "entropy",
  advantages?: number[],
) =>
  renderPage(
    <TokenView
      step={{ ...step, ...(advantages && { advantages }) }}
      model="m"
      advantage={0.5}
      overlay={overlay}
    />,
  );
afterEach(() => vi.unstubAllGlobals());

it("shows the text in the place of its tokens until they are known", () => {
  vi.stubGlobal("fetch", () => new Promise(() => undefined));
  draw();
  expect(screen.getByText("Hi you")).toBeTruthy();
  expect(screen.queryByRole("listbox")).toBeNull();
});

it("tells of each token by keys and by a tap, and what was not recorded", async () => {
  Element.prototype.scrollIntoView = () => undefined;
  vi.stubGlobal("fetch", () =>
    Promise.resolve(new Response(JSON.stringify({ texts: ["Hi", " y", "ou"] }))),
  );
  draw();
  const list = await screen.findByRole("listbox", { name: "Tokens" });
  expect(screen.getByText("entropy: not recorded")).toBeTruthy();
  list.focus();
  await userEvent.keyboard("{ArrowRight}");
  const facts = screen.getByTestId("token-facts");
  expect(facts.textContent).toBe('1 of 3: "Hi", id 1: given or forced, no loss');
  await userEvent.keyboard("{End}");
  expect(facts.textContent).toMatch(
    /^3 of 3: "ou".*-0\.100.*entropy not recorded.*advantage 0\.500/,
  );
  await userEvent.click(screen.getByText("y", { exact: false, selector: "[role=option]" }));
  expect(facts.textContent).toMatch(/^2 of 3/);
});

it("colours each token by its own advantage, and all alike by the episode's where that is all there is", async () => {
  vi.stubGlobal("fetch", () =>
    Promise.resolve(new Response(JSON.stringify({ texts: ["Hi", " y", "ou"] }))),
  );
  const readColours = async () => {
    await screen.findByRole("listbox", { name: "Tokens" });
    return screen.getAllByRole("option").map((option) => option.getAttribute("style"));
  };
  const own = draw("advantage", [0, 0.75, -0.5]);
  const [given, good, bad] = await readColours();
  expect([given, good, bad].map((style) => /--(\w+)/.exec(style ?? "")?.[1])).toEqual([
    undefined,
    "good",
    "bad",
  ]);
  expect(screen.getByText(/every action token has its own advantage/)).toBeTruthy();
  own.unmount();
  draw("advantage");
  const [, first, second] = await readColours();
  expect(first).toContain("--good");
  expect(second).toBe(first);
  expect(screen.getByText(/every action token has the episode's mean/)).toBeTruthy();
});
