"use client";
import { useEffect, useState } from "react";
import { parseJson } from "@/app/_lib/config/parse-json";

const KEY = "s3.visit";
/** Who comes back later than this begins a new visit. */
const PAUSE_MS = 30 * 60_000;
const SEEN_EVERY_MS = 60_000;
/** What someone who was never here is told of. */
const FIRST_LOOK_MS = 7 * 24 * 3_600_000;

/** Times in milliseconds: when the visit before this one ended, and when the page was last open. */
interface Visit {
  since: number;
  seen: number;
}

/** The visit at a time, given what was stored before it. */
export function continueVisit(stored: Visit | null, now: number): Visit {
  if (stored === null) return { since: now - FIRST_LOOK_MS, seen: now };
  return { since: now - stored.seen > PAUSE_MS ? stored.seen : stored.since, seen: now };
}

/** Checked by hand: the home page needs no zod for anything else. */
function readVisit(): Visit | null {
  const stored = parseJson(localStorage.getItem(KEY) ?? "");
  if (typeof stored !== "object" || stored === null) return null;
  const { since, seen } = stored as Partial<Record<keyof Visit, unknown>>;
  return Number.isFinite(since) && Number.isFinite(seen)
    ? { since: since as number, seen: seen as number }
    : null;
}

/** When this browser's last visit of the home page ended; null while the page is made. Opening it again soon changes nothing. */
export function useLastVisit(): Date | null {
  const [since, setSince] = useState<Date | null>(null);
  useEffect(() => {
    const look = (): void => {
      if (document.visibilityState === "hidden") return;
      const visit = continueVisit(readVisit(), Date.now());
      localStorage.setItem(KEY, JSON.stringify(visit));
      setSince((before) => (before?.getTime() === visit.since ? before : new Date(visit.since)));
    };
    look();
    const timer = setInterval(look, SEEN_EVERY_MS);
    document.addEventListener("visibilitychange", look);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", look);
    };
  }, []);
  return since;
}
