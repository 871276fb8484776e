import type { ComponentProps, ReactNode } from "react";
import { cn } from "./cn";

const control =
  "w-full rounded-md border border-input bg-card px-2.5 text-[0.8125rem] outline-none transition-colors placeholder:text-muted-foreground/70 hover:border-muted-foreground/50 focus-visible:border-primary focus-visible:ring-2 focus-visible:ring-primary/25 disabled:opacity-60 aria-invalid:border-bad aria-invalid:ring-bad/20";

/** A line of text. */
export function Input({ className, ...props }: ComponentProps<"input">) {
  return <input className={cn(control, "h-8", className)} {...props} />;
}

/** A text of several lines. */
export function Textarea({ className, ...props }: ComponentProps<"textarea">) {
  return (
    <textarea className={cn(control, "py-2 font-mono text-xs leading-5", className)} {...props} />
  );
}

/** A value that is its own text, or one with the text that is shown for it. */
type SelectOption = string | number | { value: string | number; text: ReactNode };

/** The browser's own select: fast, and works with keyboards and on phones. */
export function Select({
  className,
  options,
  children,
  ...props
}: ComponentProps<"select"> & { options?: readonly SelectOption[] }) {
  return (
    <select className={cn(control, "h-8 cursor-pointer pr-7", className)} {...props}>
      {options?.map((option) => {
        const { value, text } =
          typeof option === "object" ? option : { value: option, text: option };
        return (
          <option key={value} value={value}>
            {text}
          </option>
        );
      })}
      {children}
    </select>
  );
}

type LabelledFieldProps = { id: string; label: string; hint?: string; children: ReactNode };

/** A control under its label; `id` is the control's. */
export function LabelledField({ id, label, hint, children }: LabelledFieldProps) {
  return (
    <div className="mt-3 first:mt-0">
      <label htmlFor={id} className="font-medium">
        {label}
      </label>
      {children}
      {hint ? <p className="mt-1 text-xs break-words text-muted-foreground">{hint}</p> : null}
    </div>
  );
}
