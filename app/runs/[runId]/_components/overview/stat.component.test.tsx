import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it } from "vitest";
import { renderPage } from "@/app/_testing/render-page";
import { GLOSSARY } from "@/core/glossary/glossary";
import { Stat, StatStrip } from "./stat";

it("explains a number by its term of the glossary, and leaves its name as it is", async () => {
  renderPage(
    <StatStrip>
      <Stat label="Recall @10" value="0.5" term="recall" />
      <Stat label="Questions" value="12" />
    </StatStrip>,
  );
  for (const name of ["Recall @10", "Questions"])
    expect(screen.getByText(name).closest("dt")?.textContent).toBe(name);
  expect(screen.getAllByRole("button")).toHaveLength(1);
  await userEvent.click(screen.getByRole("button", { name: "What is Recall @10?" }));
  const explanation = within(await screen.findByRole("dialog", { name: "Recall @10" }));
  expect(explanation.getByText(GLOSSARY.recall.text)).toBeTruthy();
  expect(explanation.getByRole("link").getAttribute("href")).toBe("/glossary#recall");
});
