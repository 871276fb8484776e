"use client";
import { useSearchParams } from "next/navigation";
import { useCallback, useEffect, useRef, useState } from "react";

/** How long nothing must be typed before the address changes. */
const REST_MS = 300;

/**
 * Changes parameters of the address at once and without asking the server for the page again, as pages read them in the
 * browser alone; null or an empty text removes one. The place on the page that the address names (`#alarms`) stays in it,
 * unless it is on a part that is left: `hash` is what to put there.
 */
export function replaceParams(
  changes: Readonly<Record<string, string | null>>,
  { hash = window.location.hash } = {},
): void {
  // Read from the address bar, not from the last render: two changes at once must not undo each other.
  const next = new URLSearchParams(window.location.search);
  for (const [name, value] of Object.entries(changes))
    if (value === null || value === "") next.delete(name);
    else next.set(name, value);
  const query = next.toString();
  const { pathname } = window.location;
  window.history.replaceState(null, "", `${pathname}${query ? `?${query}` : ""}${hash}`);
}

/** The parameters of the address, and how to change them. Filters are kept there, so that a link shows the same. */
export const useQueryParams = (): [URLSearchParams, typeof replaceParams] => [
  useSearchParams(),
  replaceParams,
];

/**
 * Which dialog of a page is open: links and the palette open one by the address (`?open=attach`), which then leaves it.
 *
 * @param names of the dialogs, as the address has them
 */
export function useDialogParam<Name extends string>(
  names: readonly Name[],
): [Name | null, (open: Name | null) => void] {
  const [params, setParams] = useQueryParams();
  const [open, setOpen] = useState<Name | null>(null);
  const asked = names.find((name) => name === params.get("open"));
  useEffect(() => {
    if (asked === undefined) return;
    setOpen(asked);
    setParams({ open: null });
  }, [asked, setParams]);
  return [open, setOpen];
}

/**
 * A parameter that one changes by quick clicks or keys: a change shows at once, before the address is read again, so that
 * the next one goes on from it. A link and the way back bring another value.
 */
export function useQuickParam(name: string): [string, (text: string) => void] {
  const [params, setParams] = useQueryParams();
  const inAddress = params.get(name) ?? "";
  const [text, setText] = useState(inAddress);
  const written = useRef(inAddress);
  useEffect(() => {
    // What was read may be from before the last change.
    const isLate = inAddress !== (new URLSearchParams(window.location.search).get(name) ?? "");
    if (isLate || inAddress === written.current) return;
    written.current = inAddress;
    setText(inAddress);
  }, [inAddress, name]);
  const change = useCallback(
    (next: string): void => {
      written.current = next;
      setText(next);
      setParams({ [name]: next });
    },
    [name, setParams],
  );
  return [text, change];
}

/**
 * The text of a search field. It goes into the address when nothing was typed for a moment; `searched` is what stands
 * there.
 *
 * @param name of the parameter; tabs of one page have different ones
 */
export function useSearchText(name = "q"): {
  text: string;
  setText: (text: string) => void;
  searched: string;
} {
  const [params, setParams] = useQueryParams();
  const searched = params.get(name) ?? "";
  const [text, setText] = useState(searched);
  const written = useRef(searched);
  // A link to the same page brings another text.
  useEffect(() => {
    if (searched === written.current) return;
    written.current = searched;
    setText(searched);
  }, [searched]);
  useEffect(() => {
    if (text.trim() === written.current) return;
    const { pathname } = window.location;
    const wait = setTimeout(() => {
      // A link may have been followed meanwhile: its page has another address.
      if (window.location.pathname !== pathname) return;
      written.current = text.trim();
      setParams({ [name]: written.current || null });
    }, REST_MS);
    return () => clearTimeout(wait);
  }, [text, name, setParams]);
  return { text, setText, searched };
}
