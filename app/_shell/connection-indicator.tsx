"use client";
import { markText } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import { useConnection, type Connection } from "@/app/_lib/live/live";

const TEXT: Record<Connection, string> = {
  connecting: markText("Connecting"),
  live: markText("Live"),
  reconnecting: markText("Reconnecting"),
};

/** Whether the page is connected to the server. */
export function ConnectionIndicator() {
  const t = useText();
  const connection = useConnection();
  return (
    <span
      role="status"
      className="flex items-center gap-1.5 px-1 text-2xs text-muted-foreground"
      data-connection={connection}
    >
      <span
        aria-hidden
        className={cn(
          "size-1.5 rounded-full",
          connection === "live" ? "bg-good" : "bg-warn motion-safe:animate-pulse",
        )}
      />
      {t(TEXT[connection])}
    </span>
  );
}
