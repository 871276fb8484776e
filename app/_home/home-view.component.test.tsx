import { screen } from "@testing-library/react";
import { expect, it } from "vitest";
import { renderPage } from "@/app/_testing/render-page";
import { HomeView } from "./home-view";

it("waits for nothing any more once what it shows could not be read", async () => {
  const { container } = renderPage(<HomeView />);
  await screen.findByText("What runs could not be read");
  await screen.findByText("The best results could not be read");
  expect(container.querySelectorAll(".animate-pulse, [aria-busy=true]")).toHaveLength(0);
});
