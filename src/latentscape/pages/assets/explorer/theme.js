/* Light or dark ground: the system's until the reader chooses. */

const systemIsDark = matchMedia("(prefers-color-scheme: dark)");

const isDark = () => (document.documentElement.dataset.theme ?? (systemIsDark.matches ? "dark" : "light")) === "dark";

export function mountTheme(button, state) {
  const tell = () => {
    button.setAttribute("aria-pressed", String(isDark()));
    button.title = isDark() ? "Light ground" : "Dark ground";
    state.set({ theme: isDark() ? "dark" : "light" });
  };
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    tell();
  });
  systemIsDark.addEventListener("change", () => document.documentElement.dataset.theme ?? tell());
  tell();
}
