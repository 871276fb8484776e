import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it } from "vitest";
import { renderPage } from "@/app/_testing/render-page";
import { RescoreButton } from "./rescore-button";

const build = (scorers: Record<string, number>) =>
  Object.entries(scorers).map(([scorer, scored]) => ({ scorer, scored, answered: 12 }));

it("scores answers again that an earlier rule has scored", async () => {
  const asked: unknown[] = [];
  renderPage(<RescoreButton runId="r" results={build({ "span/1": 12, "option-letter/1": 12 })} />, {
    "scores.rescore": (input) => (asked.push(input), { added: 3 }),
  });
  expect(screen.getByText(/earlier version of span\/2, option-letter\/3/)).toBeTruthy();
  await userEvent.click(screen.getByRole("button", { name: "Score again" }));
  await waitFor(() => expect(asked).toEqual([{ runId: "r" }]));
});

it("is not there where the present rules have scored", () => {
  const results = build({ "span/1": 12, "span/2": 12, "option-letter/3": 12 });
  renderPage(<RescoreButton runId="r" results={results} />);
  expect(screen.queryByRole("button")).toBeNull();
});

it("is there where the present rules have scored only some of the answers", () => {
  renderPage(<RescoreButton runId="r" results={build({ "span/1": 5, "span/2": 7 })} />);
  expect(screen.getByText(/earlier version of span\/2/)).toBeTruthy();
});
