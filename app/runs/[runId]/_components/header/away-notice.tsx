"use client";
import { CloudOff } from "lucide-react";
import { useText } from "@/app/_i18n/text-provider";
import { useConnection } from "@/app/_lib/live/live";

/** Says that the server does not answer. It floats, so that nothing moves when it comes and goes. */
export function AwayNotice() {
  const t = useText();
  const isAway = useConnection() === "reconnecting";
  return (
    <div
      role="status"
      className="pointer-events-none fixed inset-x-0 bottom-20 z-30 flex justify-center px-4 md:bottom-4 print:hidden"
    >
      {isAway ? (
        <p
          className="flex items-center gap-2 rounded-md border border-warn/40 bg-card px-3 py-2 text-xs shadow-md"
          data-away
        >
          <CloudOff className="size-4 shrink-0 text-warn" aria-hidden />{" "}
          {t("The server does not answer. What is shown was loaded before; it goes on by itself.")}
        </p>
      ) : null}
    </div>
  );
}
