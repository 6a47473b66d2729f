// Shows the form in a browser, fills it in as a person would, and tells what is to be seen.
//
// stdin:  {"specification": …, "title": …, "browser": path, "fillings": [{field title: value, …}, …],
//          "picture": {"path": …, "filling": …}}
// stdout: {"cards": […], "outcomes": [{"submitted": config or null, "errors": {field name: message}}, …], "faults": […]}
// A date's value {"calendar": "2025-01-01T00:00"} is chosen from its calendar, any other is typed.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { chromium } from "playwright-core";

const given = JSON.parse(readFileSync(0, "utf8"));
const here = (name) => fileURLToPath(new URL(name, import.meta.url));

const script = await build({
  entryPoints: [here("form.jsx")],
  bundle: true,
  write: false,
  jsx: "automatic",
  define: { "process.env.NODE_ENV": '"production"' },
  logLevel: "error",
});
const html = `<!doctype html><meta charset="utf-8"><style>${readFileSync(here("form.css"), "utf8")}</style>
<div id="page"></div><script>window.given = ${JSON.stringify({
  connectionSpecification: given.specification,
  title: given.title,
}).replaceAll("<", "\\u003c")}</script><script>${script.outputFiles[0].text.replaceAll("</script", "<\\/script")}</script>`;

/** What each card holds, read from the page alone. Runs in the browser. */
function cardsSeen() {
  const isVisible = (element) => element.checkVisibility({ contentVisibilityAuto: true, visibilityProperty: true });
  return [...document.querySelectorAll(".card")].map((card) => ({
    title: card.querySelector("h2, details.whole > summary").textContent,
    fields: [...card.querySelectorAll(".field")].map((field) => {
      const label = field.querySelector("label");
      const control = document.getElementById(label.htmlFor);
      return {
        name: field.dataset.field,
        title: label.textContent,
        help: field.querySelector(".help").textContent,
        format: field.querySelector(".format")?.textContent ?? null,
        isOptional: field.querySelector(".optional") !== null,
        isVisible: isVisible(control),
        control: control.closest(".tags") ? "tags" : control.tagName === "SELECT" ? "select" : control.type,
        hasCalendar: field.querySelector(".date") !== null,
        value: control.type === "checkbox" ? control.checked : control.selectedOptions?.[0].textContent ?? control.value,
        choices: [...(control.options ?? [])].map((option) => option.textContent).filter(Boolean),
      };
    }),
  }));
}

async function fill(page, title, value) {
  const control = page.getByLabel(title, { exact: true });
  for (const folded of await page.locator("details:not([open])", { has: control }).all()) {
    await folded.locator("summary").click();
  }
  if (Array.isArray(value)) {
    for (const tag of value) {
      await control.pressSequentially(tag);
      await control.press("Enter");
    }
  } else if (typeof value === "boolean") await control.setChecked(value);
  else if ((await control.evaluate((element) => element.tagName)) === "SELECT") await control.selectOption(value);
  else if (typeof value === "object") {
    await page.getByLabel(`calendar of ${await control.getAttribute("id")}`).fill(value.calendar);
  } else await control.fill(String(value));
}

const browser = await chromium.launch({
  executablePath: given.browser,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
try {
  const page = await browser.newPage({ viewport: { width: 680, height: 800 }, deviceScaleFactor: 1.5 });
  page.setDefaultTimeout(10_000);
  const faults = [];
  page.on("pageerror", (fault) => faults.push(String(fault)));
  page.on("console", (message) => {
    // The form library writes what it shows.
    if (message.type() === "error" && !message.text().startsWith("Form validation failed")) faults.push(message.text());
  });
  const open = async (filling) => {
    await page.goto("about:blank");
    await page.setContent(html);
    for (const [title, value] of Object.entries(filling)) await fill(page, title, value);
  };
  await open({});
  const cards = await page.evaluate(cardsSeen);
  if (given.picture) {
    await open(given.picture.filling);
    await page.evaluate(() => document.activeElement.blur());
    await page.screenshot({ path: given.picture.path, fullPage: true });
  }

  const outcomes = [];
  for (const filling of given.fillings) {
    await open(filling);
    await page.getByRole("button", { name: "Set up source" }).click();
    outcomes.push(
      await page.evaluate(() => ({
        submitted: window.submitted ?? null,
        errors: Object.fromEntries(
          [...document.querySelectorAll(".field:has(.error)")].map((field) => [
            field.dataset.field,
            field.querySelector(".error").textContent,
          ]),
        ),
      })),
    );
  }
  console.log(JSON.stringify({ cards, outcomes, faults }));
} finally {
  await browser.close();
}
