"""Writes the registry pages in docs/ from the provider's own schema, as a real CLI reports it, and from examples/.

With --check it writes nothing and fails if a page differs, is missing or is left over.
"""

import argparse
import difflib
import json
import sys
import tempfile
from pathlib import Path

from harness import ADDRESS, Cli

ROOT = Path(__file__).resolve().parent.parent
# Folder of pages → (key in the schema, word in titles).
KINDS = {
    "resources": ("resource_schemas", "Resource"),
    "data-sources": ("data_source_schemas", "Data Source"),
    "ephemeral-resources": ("ephemeral_resource_schemas", "Ephemeral Resource"),
}
PERMISSIONS = "guides/permissions.md"
POLICIES = ROOT / "tests" / "aws_emulator" / "aws_emulator" / "policies"


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--provider", type=Path, required=True)
    arguments.add_argument("--cli", required=True)
    arguments.add_argument("--check", action="store_true")
    arguments.add_argument("--schema", type=Path, help="writes only the schema, for tfplugindocs validate")
    given = arguments.parse_args()

    if given.schema:
        # It looks for providers of HashiCorp's alone.
        renamed = {"registry.terraform.io/hashicorp/xeks": schema(given.cli, given.provider.resolve())}
        given.schema.write_text(json.dumps({"format_version": "1.0", "provider_schemas": renamed}))
        return 0
    pages = all_pages(schema(given.cli, given.provider.resolve()))
    docs = ROOT / "docs"
    present = {
        docs / "index.md",
        docs / PERMISSIONS,
        *(p for kind in [*KINDS, "functions"] for p in (docs / kind).glob("*.md")),
    }
    wanted = {docs / name: text for name, text in pages.items()}
    return check(wanted, present) if given.check else write(wanted, present)


def schema(cli: str, provider: Path) -> dict:
    with tempfile.TemporaryDirectory() as scratch:
        installed = Cli(cli, provider, Path(scratch))
        root = Path(scratch) / "init"
        shown = installed.run(root, ["providers", "schema", "-json"], installed.environment()).must_work()
    schemas = json.loads(shown.output)["provider_schemas"]
    return next(schema for address, schema in schemas.items() if address.endswith(f"/{ADDRESS}"))


def check(wanted: dict[Path, str], present: set[Path]) -> int:
    wrong = 0
    for path in sorted({*wanted, *present}):
        old = path.read_text().splitlines() if path.exists() else []
        new = wanted.get(path, "").splitlines()
        difference = list(difflib.unified_diff(old, new, f"{path.relative_to(ROOT)}", "generated", lineterm="", n=1))
        if difference:
            wrong += 1
            print("\n".join(difference[:40]))
    if wrong:
        print(f"{wrong} pages in docs/ are not what the schema and the examples say: run `make docs`.")
    return 1 if wrong else 0


def write(wanted: dict[Path, str], present: set[Path]) -> int:
    for path in present - {*wanted}:
        path.unlink(missing_ok=True)
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    print(f"{len(wanted)} pages in docs/")
    return 0


def all_pages(schema: dict) -> dict[str, str]:
    """File name below docs/ → text."""
    pages = {"index.md": page("xeks Provider", "xeks Provider", schema["provider"]["block"], "provider/provider.tf")}
    for kind, (key, word) in KINDS.items():
        for name, declared in sorted(schema.get(key, {}).items()):
            example = {"resources": "resource", "data-sources": "data-source"}.get(kind, "ephemeral-resource")
            title = f"{name} ({word})"
            text = page(f"{name} {word} - xeks", title, declared["block"], f"{kind}/{name}/{example}.tf")
            imports = ROOT / "examples" / kind / name / "import.sh"
            if imports.exists():
                text += f"\n## Import\n\n```shell\n{imports.read_text().strip()}\n```\n"
            pages[f"{kind}/{name.removeprefix('xeks_')}.md"] = text
    for name, declared in sorted(schema.get("functions", {}).items()):
        pages[f"functions/{name}.md"] = function_page(name, declared)
    pages[PERMISSIONS] = permissions_page()
    return pages


def permissions_page() -> str:
    """The policies that the acceptance tests run with, so that they are known to suffice."""
    description = (
        "The least permissions that the roles which run xeks need, one policy per account. All acceptance tests run "
        "with exactly these.\n\n"
        "They are what the data source [`xeks_runner_policy`](../data-sources/runner_policy.md) renders for every "
        "resource and option by any name, with the issuers of one region. They are for tests: who can write every role "
        "is an administrator of the account. Let it render yours, for the names, paths, boundaries and options that "
        "you use. [What a compromised pipeline can do](compromised-pipeline.md) says what contains them. "
        "[AWS calls](../aws-calls.md) lists the call that each of them is for.\n\n"
        "One permission is optional and no part of them. With `iam:GetAccountAuthorizationDetails` on `*`, "
        "and also `iam:GetAccountSummary` and `iam:ListRoles`, a plan reads all roles of an account in pages "
        "after it has read as many roles one by one as that takes calls. Fifty trusts are then read with 27 "
        "calls in place of 107. It shows all IAM policies of the account, and Amazon GuardDuty and security "
        "teams watch for it. Without it, xeks asks for it once per account and run if it reads more than "
        "twenty roles and policies of an account at once, and reads on one by one."
    )
    text = heading("Permissions that xeks needs - xeks", "Permissions that xeks needs", description)
    numbers = {"cluster": "183295435445", "workload": "185863138492"}
    for account in numbers:
        policy = (POLICIES / f"{account}.json").read_text().strip()
        for named, number in numbers.items():
            policy = policy.replace(number, f"{named.upper()}_ACCOUNT")
        text += f"\n## In the {account} account\n\n```json\n{policy}\n```\n"
    return text


def page(page_title: str, title: str, block: dict, example: str) -> str:
    description = block.get("description", "").strip()
    return f"{heading(page_title, title, description)}{example_usage(example)}{schema_section(block)}"


def heading(page_title: str, title: str, description: str) -> str:
    first = description.split("\n\n")[0].replace("\n", " ")
    # The registry groups all pages but the provider's own.
    group = "" if page_title == title else 'subcategory: ""\n'
    front = f'---\npage_title: "{page_title}"\n{group}description: |-\n  {first}\n---\n'
    return f"{front}\n# {title}\n\n{description}\n"


def example_usage(example: str) -> str:
    path = ROOT / "examples" / example
    return f"\n## Example Usage\n\n```terraform\n{path.read_text().strip()}\n```\n" if path.exists() else ""


def schema_section(block: dict) -> str:
    nested: list[str] = []
    text = "\n## Schema\n" + attribute_groups(block.get("attributes", {}), "", nested, "###")
    return text + "".join(nested)


def attribute_groups(attributes: dict, path: str, nested: list[str], level: str) -> str:
    """The lists Required, Optional and Read-Only; sections for objects below go to `nested`, in reading order."""
    groups = {"Required": [], "Optional": [], "Read-Only": []}
    for name, attribute in sorted(attributes.items()):
        group = "Required" if attribute.get("required") else "Optional" if attribute.get("optional") else "Read-Only"
        groups[group].append(attribute_line(name, attribute, path))
    for name, attribute in sorted(attributes.items()):
        if "nested_type" in attribute:
            inner = f"{path}.{name}" if path else name
            section = f'\n<a id="{anchor(inner)}"></a>\n### Nested Schema for `{inner}`\n'
            below: list[str] = []
            section += attribute_groups(attribute["nested_type"]["attributes"], inner, below, "####")
            nested.append(section + "".join(below))
    return "".join(f"\n{level} {group}\n\n" + "".join(lines) for group, lines in groups.items() if lines)


def attribute_line(name: str, attribute: dict, path: str) -> str:
    marks = [type_name(attribute)]
    marks += [word for key, word in (("sensitive", "Sensitive"), ("deprecated", "Deprecated")) if attribute.get(key)]
    if attribute.get("write_only"):
        marks.append("[Write-only](https://developer.hashicorp.com/terraform/language/resources/ephemeral/write-only)")
    description = " ".join(attribute.get("description", "").split())
    inner = f"{path}.{name}" if path else name
    below = f" (see [below for nested schema](#{anchor(inner)}))" if "nested_type" in attribute else ""
    return f"- `{name}` ({', '.join(marks)}) {description}{below}".rstrip() + "\n"


def anchor(path: str) -> str:
    return "nestedatt--" + path.replace(".", "--")


def type_name(attribute: dict) -> str:
    if "nested_type" in attribute:
        mode = attribute["nested_type"]["nesting_mode"]
        return "Attributes" if mode == "single" else f"Attributes {mode.capitalize()}"
    return cty(attribute["type"])


def cty(type) -> str:
    if isinstance(type, str):
        return {"bool": "Boolean"}.get(type, type.capitalize())
    if type[0] == "object":
        return "Object"
    return f"{type[0].capitalize()} of {cty(type[1])}"


def function_page(name: str, declared: dict) -> str:
    summary = declared.get("summary", "").strip()
    parameters = declared.get("parameters", [])
    variadic = declared.get("variadic_parameter")
    written = [f"{p['name']} {cty(p['type']).lower()}" for p in parameters]
    written += [f"{variadic['name']} {cty(variadic['type']).lower()}..."] if variadic else []
    text = heading(f"{name} function - xeks", f"function: {name}", declared.get("description", summary).strip())
    text += example_usage(f"functions/{name}/function.tf")
    text += f"\n## Signature\n\n```text\n{name}({', '.join(written)}) {cty(declared['return_type']).lower()}\n```\n"
    lines = [f"1. `{p['name']}` ({cty(p['type'])}) {p.get('description', '')}" for p in parameters]
    if variadic:
        lines.append(f"1. `{variadic['name']}` (Variadic, {cty(variadic['type'])}) {variadic.get('description', '')}")
    return text + ("\n## Arguments\n\n" + "\n".join(lines) + "\n" if lines else "")


if __name__ == "__main__":
    sys.exit(main())
