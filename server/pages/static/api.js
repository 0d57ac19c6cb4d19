// What the page asks of its server, and how it says who it is.

let csrf = "";

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export async function session() {
  const told = await ask("GET", "/session");
  csrf = told.csrf || "";
  return told;
}

export const get = (path) => ask("GET", path);
export const post = (path, body = {}) => ask("POST", path, body);
export const signOut = () => ask("DELETE", "/session");

async function ask(method, path, body) {
  const headers = method === "GET" ? {} : { "content-type": "application/json", "x-deftly-csrf": csrf };
  let response;
  try {
    response = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), credentials: "same-origin" });
  } catch {
    throw new Refused(0, "The server cannot be reached. Is it still running?");
  }
  const text = await response.text();
  const told = text ? read(text) : {};
  if (response.ok) return told;
  const error = new Refused(response.status, told.error ? told.error.message : `The server answered ${response.status}.`);
  if (response.status === 401 && path !== "/session") dispatchEvent(new CustomEvent("signed-out"));
  throw error;
}

function read(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
