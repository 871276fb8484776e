"use client";
import { CircleAlert, CircleCheck, X } from "lucide-react";
import { createContext, useCallback, useContext, useMemo, useState, type ReactNode } from "react";
import { Button } from "./button";

interface ToastMessage {
  id: number;
  tone: "good" | "bad";
  text: string;
}

type Notify = (tone: ToastMessage["tone"], text: string) => void;

const ToastContext = createContext<Notify>(() => {});

/** `notify("bad", message)`: a short message at the foot of the page. Errors stay until they are closed. */
export const useNotify = (): Notify => useContext(ToastContext);

/** Shows the messages of `useNotify`. */
export function ToastProvider({ children }: { children: ReactNode }) {
  const [messages, setMessages] = useState<ToastMessage[]>([]);
  const close = useCallback(
    (id: number) => setMessages((all) => all.filter((m) => m.id !== id)),
    [],
  );
  const notify = useCallback<Notify>(
    (tone, text) => {
      const id = Date.now() + Math.random();
      setMessages((all) => [...all.slice(-3), { id, tone, text }]);
      if (tone === "good") setTimeout(() => close(id), 4000);
    },
    [close],
  );
  const value = useMemo(() => notify, [notify]);
  return (
    <ToastContext value={value}>
      {children}
      <div
        aria-live="polite"
        className="pointer-events-none fixed right-4 bottom-20 z-50 flex w-80 max-w-[calc(100vw-2rem)] flex-col gap-2 md:bottom-4"
      >
        {messages.map((m) => (
          <div
            key={m.id}
            className="pointer-events-auto flex items-start gap-2 rounded-md border bg-card px-3 py-2 shadow-md"
          >
            {m.tone === "good" ? (
              <CircleCheck className="mt-0.5 size-4 shrink-0 text-good" />
            ) : (
              <CircleAlert className="mt-0.5 size-4 shrink-0 text-bad" />
            )}
            <p className="min-w-0 flex-1 break-words whitespace-pre-wrap">{m.text}</p>
            <Button
              variant="ghost"
              size="icon-sm"
              className="-m-1"
              aria-label="Dismiss"
              onClick={() => close(m.id)}
            >
              <X />
            </Button>
          </div>
        ))}
      </div>
    </ToastContext>
  );
}
