import { screen } from "@testing-library/react";
import { useLayoutEffect } from "react";
import { expect, it } from "vitest";
import type { RunDetail } from "@/app/_lib/live/trpc";
import { renderPage } from "@/app/_testing/render-page";
import { AlarmList } from "./alarm-list";

async function open(address: string): Promise<Element[]> {
  const scrolled: Element[] = [];
  // After the stub of the page, which is set as the page is drawn.
  function Watch() {
    useLayoutEffect(() => {
      Element.prototype.scrollIntoView = function (this: Element) {
        scrolled.push(this);
      };
    }, []);
    return null;
  }
  renderPage(
    <>
      <Watch />
      <AlarmList run={{ id: "r" } as RunDetail} />
    </>,
    { "alarms.list": () => [] },
    address,
  );
  await screen.findByText("None was raised.");
  return scrolled;
}

it("is scrolled to where the address names it, as it comes after the page", async () => {
  expect(await open("/runs/r#alarms")).toEqual([screen.getByRole("region", { name: "Alarms" })]);
});

it("stays where it is otherwise", async () => {
  expect(await open("/runs/r")).toEqual([]);
});
