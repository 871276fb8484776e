import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useState } from "react";
import { expect, it } from "vitest";
import { Tabs, TabsContent, TabsList, TabsTrigger } from "./tabs";

const NAMES = ["one", "two", "three"];

function Example() {
  const [value, setValue] = useState("one");
  return (
    <Tabs value={value} onValueChange={setValue}>
      <TabsList aria-label="Parts">
        {NAMES.map((name) => (
          <TabsTrigger key={name} value={name}>
            {name}
          </TabsTrigger>
        ))}
      </TabsList>
      {NAMES.map((name) => (
        <TabsContent key={name} value={name}>
          Text of {name}
        </TabsContent>
      ))}
    </Tabs>
  );
}

const expectChosen = (name: string): void => {
  const tab = screen.getByRole("tab", { selected: true });
  expect(tab.textContent).toBe(name);
  const panel = screen.getByRole("tabpanel", { name });
  expect(panel.textContent).toBe(`Text of ${name}`);
  expect(tab.getAttribute("aria-controls")).toBe(panel.id);
  expect(screen.getAllByText(/^Text of/)).toHaveLength(1);
  expect(screen.getAllByRole("tab").filter(({ tabIndex }) => tabIndex === 0)).toEqual([tab]);
};

it("shows what the tab that is clicked holds, and nothing of the others", async () => {
  render(<Example />);
  expectChosen("one");
  await userEvent.click(screen.getByRole("tab", { name: "three" }));
  expectChosen("three");
});

it("moves by keys, around the ends", async () => {
  render(<Example />);
  await userEvent.tab();
  for (const [key, name] of [
    ["ArrowRight", "two"],
    ["End", "three"],
    ["ArrowRight", "one"],
    ["ArrowLeft", "three"],
    ["Home", "one"],
  ] as const) {
    await userEvent.keyboard(`{${key}}`);
    expectChosen(name);
    expect(document.activeElement).toBe(screen.getByRole("tab", { name }));
  }
});
