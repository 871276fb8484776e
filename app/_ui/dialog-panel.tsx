"use client";
import { Dialog as Primitive } from "radix-ui";
import { X } from "lucide-react";
import { useRef, type ReactNode } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "./cn";
import { Button } from "./button";

export interface DialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: string;
  description?: ReactNode;
  children: ReactNode;
  className?: string;
}

/** The open dialog (see dialog.tsx). */
export function DialogPanel({
  open,
  onOpenChange,
  title,
  description,
  children,
  className,
}: DialogProps) {
  const t = useText();
  // Radix gives the focus back to a trigger of its own only; our dialogs are opened by any button.
  const opener = useRef<Element | null>(null);
  return (
    <Primitive.Root open={open} onOpenChange={onOpenChange}>
      <Primitive.Portal>
        <Primitive.Overlay className="fixed inset-0 z-40 bg-black/40" />
        <Primitive.Content
          className={cn(
            "fixed top-1/2 left-1/2 z-50 max-h-[90dvh] w-[calc(100vw-2rem)] max-w-lg -translate-x-1/2 -translate-y-1/2 overflow-y-auto rounded-lg border bg-card p-5 shadow-xl outline-none",
            className,
          )}
          onOpenAutoFocus={() => {
            opener.current = document.activeElement;
          }}
          onCloseAutoFocus={(event) => {
            event.preventDefault();
            if (opener.current instanceof HTMLElement) opener.current.focus();
          }}
          {...(description ? {} : { "aria-describedby": undefined })}
        >
          <Primitive.Title className="pr-8 text-[0.9375rem] font-semibold">{title}</Primitive.Title>
          {description ? (
            <Primitive.Description className="mt-1 text-muted-foreground">
              {description}
            </Primitive.Description>
          ) : null}
          <div className="mt-4">{children}</div>
          <Primitive.Close asChild>
            <Button
              variant="ghost"
              size="icon-sm"
              className="absolute top-3.5 right-3.5"
              aria-label={t("Close")}
            >
              <X />
            </Button>
          </Primitive.Close>
        </Primitive.Content>
      </Primitive.Portal>
    </Primitive.Root>
  );
}
