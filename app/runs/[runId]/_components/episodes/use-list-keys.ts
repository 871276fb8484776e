"use client";
import { useShortcuts } from "@/app/_lib/hooks/use-shortcuts";

const listLinks = (): HTMLAnchorElement[] => [
  ...document.querySelectorAll<HTMLAnchorElement>("[data-episode] a"),
];

/** Puts the focus on the row below or above the focused one; without one, on the first in sight. Enter follows the link. */
function moveFocus(by: 1 | -1): void {
  const links = listLinks();
  const focused = links.findIndex((link) => link === document.activeElement);
  const link =
    focused === -1
      ? links.find((one) => one.getBoundingClientRect().top >= 0)
      : links[Math.min(links.length - 1, Math.max(0, focused + by))];
  link?.focus();
  link?.closest("[data-episode]")?.scrollIntoView({ block: "nearest" });
}

/** Keys of a list of episodes: j and k or the arrows move, Enter opens, / goes to the search. */
export function useListKeys(): void {
  const down = () => moveFocus(1);
  const up = () => moveFocus(-1);
  useShortcuts({
    j: down,
    k: up,
    ArrowDown: down,
    ArrowUp: up,
    "/": () => document.querySelector<HTMLInputElement>("[data-episode-search]")?.focus(),
  });
}
