// @vitest-environment jsdom
import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
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
const draw = () =>
  renderPage(<TokenView step={step} model="m" advantage={0.5} overlay="entropy" />);
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
