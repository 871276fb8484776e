"use client";
import { usePathname, useRouter, useSearchParams } from "next/navigation";
import { useCallback, useEffect, useState } from "react";

/** How long nothing must be typed before the address changes. */
const REST_MS = 300;

/**
 * The parameters of the address, and how to change them; null removes one. Filters are kept there, so that a link shows
 * the same.
 */
export function useQueryParams(): [
  URLSearchParams,
  (changes: Record<string, string | null>) => void,
] {
  const params = useSearchParams();
  const router = useRouter();
  const path = usePathname();
  const set = useCallback(
    (changes: Record<string, string | null>) => {
      // Read from the address bar, not from the last render: two changes at once must not undo each other.
      const next = new URLSearchParams(window.location.search);
      for (const [key, value] of Object.entries(changes)) {
        if (value === null || value === "") next.delete(key);
        else next.set(key, value);
      }
      const query = next.toString();
      router.replace(query ? `${path}?${query}` : path, { scroll: false });
    },
    [router, path],
  );
  return [params, set];
}

/**
 * The text of a search field. It goes into the address as `q` when nothing was typed for a moment; `searched` is what
 * stands there.
 */
export function useSearchText(): {
  text: string;
  setText: (text: string) => void;
  searched: string;
} {
  const [params, setParams] = useQueryParams();
  const searched = params.get("q") ?? "";
  const [text, setText] = useState(searched);
  useEffect(() => {
    const wait = setTimeout(() => {
      if ((new URLSearchParams(window.location.search).get("q") ?? "") !== text.trim())
        setParams({ q: text.trim() || null });
    }, REST_MS);
    return () => clearTimeout(wait);
  }, [text, setParams]);
  return { text, setText, searched };
}
