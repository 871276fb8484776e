// @vitest-environment jsdom
import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it } from "vitest";
import { renderPage } from "@/app/_testing/render-page";
import { RescoreButton } from "./rescore-button";

it("scores answers again that an earlier rule has scored", async () => {
  const asked: unknown[] = [];
  renderPage(<RescoreButton runId="r" scorers={["span/1", "option-letter/1"]} />, {
    "scores.rescore": (input) => (asked.push(input), { added: 3 }),
  });
  expect(screen.getByText(/earlier version of option-letter\/2/)).toBeTruthy();
  await userEvent.click(screen.getByRole("button", { name: "Score again" }));
  await waitFor(() => expect(asked).toEqual([{ runId: "r" }]));
});

it("is not there where the present rules have scored", () => {
  renderPage(<RescoreButton runId="r" scorers={["span/1", "option-letter/2"]} />);
  expect(screen.queryByRole("button")).toBeNull();
});
