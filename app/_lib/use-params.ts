"use client";
import { usePathname, useRouter, useSearchParams } from "next/navigation";
import { useCallback, useEffect, useState } from "react";

/** How long the typing must rest before the address changes. */
const REST_MS = 300;

/** The address holds what is filtered and open, so that it can be sent to someone. Null removes a parameter. */
export function useQueryParams(): [
  URLSearchParams,
  (changes: Record<string, string | null>) => void,
] {
  const params = useSearchParams();
  const router = useRouter();
  const path = usePathname();
  const set = useCallback(
    (changes: Record<string, string | null>) => {
      // From the address bar, not from the last render: two changes in one moment must not undo each other.
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

/** A search field whose text stands in the address as `q` once the typing rests: what is typed, how to type, what is searched. */
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
