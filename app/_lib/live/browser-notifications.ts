"use client";
import { useCallback, useSyncExternalStore } from "react";
import type { Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { RUN_STATES } from "@/contracts/records/run-states";
import { TERMINAL_STATES } from "@/core/run/transitions";
import type { LiveEvent } from "./live-topics";
import { formatWords } from "@/app/_lib/format/format";
import { useTRPCClient } from "./trpc";

/** Messages of the browser itself about runs that end and alarms, while a page of the product is open somewhere. */

const KEY = "s3.browser-notifications";
const CHANGED = "s3-browser-notifications";

/** Whether this browser was asked to tell, and lets us. */
const isOn = (): boolean =>
  "Notification" in window &&
  Notification.permission === "granted" &&
  localStorage.getItem(KEY) === "on";

function subscribe(listener: () => void): () => void {
  window.addEventListener(CHANGED, listener);
  return () => window.removeEventListener(CHANGED, listener);
}

/** Whether browser messages are on; null until the page knows, as on the server. */
export const useBrowserNotifications = (): boolean | null =>
  useSyncExternalStore<boolean | null>(subscribe, isOn, () => null);

/** Turns browser messages on, which asks for permission, or off. @returns why they are still off; null where all is well */
export async function setBrowserNotifications(t: Text, on: boolean): Promise<string | null> {
  if (on && !("Notification" in window)) return t("This browser has no notifications.");
  if (on && (await Notification.requestPermission()) !== "granted")
    return t("The browser does not allow this page to notify. Its settings for this site say so.");
  localStorage.setItem(KEY, on ? "on" : "off");
  window.dispatchEvent(new Event(CHANGED));
  return null;
}

/** Tells of a live event, where it is one to tell of. */
export function useEventNotifier(): (event: LiveEvent) => void {
  const t = useText();
  const client = useTRPCClient();
  return useCallback(
    ({ kind, runId, payload }) => {
      if (runId === null || !isOn()) return;
      const state = RUN_STATES.find((one) => one === payload?.state);
      const ended = kind === "run" && state !== undefined && TERMINAL_STATES.has(state);
      const names = kind === "alarms" && Array.isArray(payload?.names) ? payload.names : [];
      if (!ended && names.length === 0) return;
      // Not what a page has read of the run, which may be older than its alarm.
      void client.runs.get
        .query({ id: runId })
        .then(({ name, alarms }) => {
          if (!ended && alarms.length === 0) return;
          const title = ended
            ? `${name}: ${formatWords(t, state)}`
            : t("Alarm in {name}", { name });
          // Of several open pages the browser shows one message.
          const message = new Notification(title, { tag: `${runId} ${title}` });
          message.onclick = () => {
            window.focus();
            window.location.assign(`/runs/${runId}`);
          };
        })
        .catch(() => undefined);
    },
    [t, client],
  );
}
