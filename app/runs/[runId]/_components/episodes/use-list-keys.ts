"use client";
import { useText } from "@/app/_i18n/text-provider";
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
  const t = useText();
  const down = { label: t("To the next episode"), run: () => moveFocus(1) };
  const up = { label: t("To the previous episode"), run: () => moveFocus(-1) };
  useShortcuts({
    j: down,
    ArrowDown: down,
    k: up,
    ArrowUp: up,
    Enter: { label: t("Open the episode that has the focus"), run: null },
    "/": {
      label: t("Search the episodes"),
      run: () => document.querySelector<HTMLInputElement>("[data-episode-search]")?.focus(),
    },
  });
}
