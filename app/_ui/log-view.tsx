"use client";
import { useLayoutEffect, useRef } from "react";
import { cn } from "@/app/_lib/cn";
import { formatDateTime, formatTime } from "@/app/_lib/format";
import type { LogEntry } from "@/app/_lib/trpc";
import { ScrollRegion } from "./scroll-region";

const TONE: Record<LogEntry["level"], string> = {
  debug: "text-muted-foreground",
  info: "text-muted-foreground",
  warn: "text-warn",
  error: "text-bad",
};

/** Log lines, oldest first. It follows new lines only while it is scrolled to its end. */
export function LogView({ lines, className }: { lines: readonly LogEntry[]; className?: string }) {
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const lastId = lines.at(-1)?.id;
  useLayoutEffect(() => {
    const element = box.current;
    if (element && atEnd.current) element.scrollTop = element.scrollHeight;
  }, [lastId]);
  return (
    <ScrollRegion
      ref={box}
      role="log"
      label="Log"
      onScroll={(e) => {
        const { scrollHeight, scrollTop, clientHeight } = e.currentTarget;
        atEnd.current = scrollHeight - scrollTop - clientHeight < 40;
      }}
      className={cn(
        "overflow-auto rounded-lg border bg-card py-2 font-mono text-2xs leading-5",
        className,
      )}
    >
      {lines.map((line) => (
        <div
          key={line.id}
          className="grid grid-cols-[4rem_3rem_minmax(0,1fr)] gap-x-2 px-3 hover:bg-muted/60 sm:grid-cols-[4.5rem_3rem_7rem_minmax(0,1fr)]"
        >
          <time title={formatDateTime(line.at)} className="text-muted-foreground">
            {formatTime(line.at)}
          </time>
          <span className={TONE[line.level]}>{line.level}</span>
          <span className="hidden truncate text-muted-foreground sm:block">{line.source}</span>
          <span
            className={cn("break-words whitespace-pre-wrap", line.level === "error" && "text-bad")}
          >
            {line.message}
          </span>
        </div>
      ))}
    </ScrollRegion>
  );
}
