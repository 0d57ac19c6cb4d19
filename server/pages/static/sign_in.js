// The server's token is asked for; the server answers with a cookie that no script can read.

import { post } from "./api.js";
import { h } from "./dom.js";
import { problem } from "./words.js";

export function signIn(place, done) {
  document.title = "Sign in – Deftly";
  const token = h("input", { type: "password", id: "token", name: "token", autocomplete: "current-password", required: true });
  const told = h("div");
  const form = h("form", { class: "card-form narrow", onsubmit: submit }, h("h1", {}, "Sign in"),
    h("p", { class: "soft" }, "This server wants its token: what is in the file of --token-file, or in DEFTLY_TOKEN."),
    h("label", { for: "token" }, "Token"), token, told, h("button", { class: "main" }, "Sign in"));
  place.append(form);
  token.focus();

  async function submit(event) {
    event.preventDefault();
    try {
      await post("/session", { token: token.value });
    } catch (error) {
      told.replaceChildren(problem(error.status === 401 ? new Error("That is not the token.") : error));
      token.select();
      return;
    }
    done();
  }
}
