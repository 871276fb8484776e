import { screen } from "@testing-library/react";
import { expect, it } from "vitest";
import { renderPage } from "@/app/_testing/render-page";
import type { EpisodeStep } from "@/contracts/records/episode";
import { RawSteps } from "./raw-steps";

const buildStep = (text: string): EpisodeStep => ({
  kind: "generate",
  turn: 0,
  seconds: 0.1,
  text,
});

it("shows a model's thoughts apart from what it answered", () => {
  const thoughts = "It could be Paris.";
  renderPage(
    <RawSteps
      steps={[buildStep(`<think>${thoughts}</think>\n\nRome`)]}
      model={null}
      advantage={null}
    />,
  );
  expect(screen.getByText("Rome").textContent).toBe("Rome");
  const summary = screen.getByText(/^Thoughts, 18 characters, not scored$/);
  expect(summary.closest("details")!.textContent).toContain(thoughts);
});

it("shows a text without thoughts as it is", () => {
  renderPage(<RawSteps steps={[buildStep(" I think Rome ")]} model={null} advantage={null} />);
  expect(screen.queryByText(/Thoughts/)).toBeNull();
  expect(screen.getByText("I think Rome").textContent).toBe(" I think Rome ");
});
