"""Each sentence of the published page about credentials, and the tests that show it to be true.

credentials_page.txt beside this file is the page as it was published. A sentence of it that no test here is named for
fails, and so does a test's name that is nobody's any more.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = Path(__file__).with_name("credentials_page.txt")

# What promises nothing: headings, the frame of the table, and what leads to a list.
FRAME = {
    "Cloud Credentials",
    "Admin Only",
    "Adding a Credential",
    "Credentials Table",
    "| Column | Description |",
    "|---|---|",
    "Status Indicators",
    "Automatic Verification",
    "Deleting a Credential",
    "warning",
    "Security",
    "Best Practices",
    "Troubleshooting",
    'Credential Shows "Invalid"',
    'Credential Shows "Unverified"',
    "Next Steps",
}

PAGES = "web/test_credentials.py::"
FIRST = f"{PAGES}test_the_first_credential_from_nothing_to_valid"
FIELDS = f"{PAGES}test_the_fields_follow_the_chosen_provider"
INVALID = f"{PAGES}test_an_invalid_credential_says_why_and_what_to_do_until_it_is_mended"
UNVERIFIED = f"{PAGES}test_a_credential_without_a_verdict_is_grey_and_says_what_to_do"
TRASH = f"{PAGES}test_the_trash_icon_warns_of_what_goes_with_a_credential"
ADVICE = "web/test_credentials_advice.py::"
COLUMNS = f"{ADVICE}test_the_table_has_the_published_columns"
REFRESH = f"{ADVICE}test_a_refresh_shows_the_verdict_and_what_stays_without_one_is_created_again"
CAUSES = f"{ADVICE}test_for_each_published_cause_the_page_says_what_to_do_about_it"
NO_SECRET = f"{ADVICE}test_a_secret_is_never_seen_again_once_it_is_created"
API = "api/credentials/test_credentials.py::"

PROOFS: dict[str, list[str]] = {
    "This page is only visible to organization administrators.": [
        "web/test_front.py::test_who_administers_nothing_sees_no_admin_page",
        "api/web/test_credentials.py::test_who_administers_nothing_is_answered_as_if_nothing_were_there",
    ],
    "EntryGuard requires cloud provider credentials to manage IP rules on your behalf.": [FIRST],
    "Credentials are encrypted at rest using AES-256-GCM and are never exposed in API responses.": [
        "api/test_vault.py::test_the_stored_bytes_start_with_what_they_are",
        "api/credentials/test_credential_secrets.py::test_the_secret_is_sealed_in_the_database",
        f"{API}test_each_published_body_is_accepted_and_no_secret_comes_back",
    ],
    "Navigate to Credentials under the Admin section in the sidebar.": [FIRST],
    "Click Add Credential.": [FIRST],
    "Fill in the form:": [FIRST],
    'Name — A descriptive name (e.g., "AWS Production")': [FIRST],
    "Provider — Select your cloud provider: AWS, GCP, AZURE, or APISIX": [FIRST, FIELDS],
    "Type — The credential type (e.g., ACCESS_KEY for AWS)": [FIRST, FIELDS],
    "Enter the provider-specific fields:": [FIELDS],
    "AWS: Access Key ID and Secret Access Key": [FIRST],
    "APISIX: Endpoint URL and Admin API Key": [FIELDS],
    "Click Create.": [FIRST],
    "The credential appears in the credentials table.": [FIRST],
    "Verification happens automatically in the background.": [FIRST, f"{API}test_a_new_credential_is_due_at_once"],
    "| Name | Credential display name |": [COLUMNS],
    "| Provider | AWS, GCP, AZURE, or APISIX |": [COLUMNS],
    "| Type | Credential type (e.g., ACCESS_KEY) |": [COLUMNS],
    "| Status | Verification status badge |": [COLUMNS],
    "| Created | When the credential was added |": [COLUMNS],
    "| Actions | Delete button |": [COLUMNS],
    "Valid (green) — Credential verified and working": [FIRST, INVALID],
    "Invalid (red) — Verification failed; check your credentials": [INVALID],
    "Unverified (gray) — Verification in progress or not yet checked": [UNVERIFIED],
    "After creating a credential, EntryGuard automatically verifies it in the background:": [FIRST],
    "AWS: Calls": [CAUSES],
    "sts:GetCallerIdentityto confirm the credentials are valid": [CAUSES],
    "Verification usually completes within a few seconds": [FIRST, UNVERIFIED],
    "Refresh the page to see the updated status": [REFRESH],
    "Click the delete button (trash icon) on the credential row.": [TRASH, COLUMNS],
    "Deleting a credential also deletes all cloud resources associated with it.": [TRASH],
    "Make sure no active sessions depend on those resources.": [TRASH],
    "All credential data is encrypted with AES-256-GCM before storage": [
        "api/test_vault.py::test_the_stored_bytes_start_with_what_they_are",
        "api/test_vault.py::test_what_is_stored_does_not_hold_the_secret",
        "api/credentials/test_credential_secrets.py::test_the_secret_is_sealed_in_the_database",
    ],
    "Secret keys are never returned in any response or shown in the UI after creation": [
        NO_SECRET,
        "api/web/test_credentials.py::test_no_secret_comes_back_into_any_page",
        f"{API}test_each_published_body_is_accepted_and_no_secret_comes_back",
    ],
    "All API communication uses HTTPS/TLS": [
        "api/web/test_front.py::TestBehindHttps::test_the_cookie_comes_by_https_alone",
        "api/credentials/test_credential_secrets.py::test_an_api_url_that_must_not_be_called_is_unsafe",
        "clouds/test_certificates.py::test_no_cloud_is_told_anything_behind_a_certificate_of_another_authority",
    ],
    "Dedicated IAM users — Create a separate IAM user specifically for EntryGuard": [FIRST],
    "Minimum permissions — Apply only the required IAM policy": [
        f"{ADVICE}test_the_policy_on_the_page_is_all_that_a_new_user_needs"
    ],
    "Rotate credentials — Periodically rotate access keys and update in EntryGuard": [
        f"{ADVICE}test_a_rotated_key_cuts_nobody_off"
    ],
    "Separate environments — Use different credentials for production and staging": [
        f"{ADVICE}test_production_and_staging_stand_side_by_side"
    ],
    "Verify the Access Key ID and Secret Access Key are correct": [INVALID, CAUSES],
    "Check that the IAM user is active and not disabled in AWS": [CAUSES],
    "Ensure the IAM user has at least the": [CAUSES],
    "sts:GetCallerIdentitypermission": [CAUSES],
    "Confirm the AWS account is in good standing": [CAUSES],
    "Wait a few seconds and refresh the page — verification is asynchronous": [REFRESH, UNVERIFIED],
    "If it stays unverified, try deleting and re-creating the credential": [REFRESH, UNVERIFIED],
    "API Reference: For programmatic access, see Create Credential.": [
        "api/web/test_credentials.py::test_who_wants_to_create_credentials_by_a_program_is_led_to_the_api"
    ],
}


def sentences() -> Iterator[str]:
    """What the page says, one by one."""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line not in FRAME:
            yield from re.split(r"(?<=\.) (?=[A-Z])| - (?=[A-Z])", line.removeprefix("- "))


def is_there(proof: str) -> bool:
    """Whether there is such a test."""
    path, *names = proof.split("::")
    inside: list[ast.stmt] = ast.parse((TESTS / path).read_text(encoding="utf-8")).body
    for name in names:
        found = [one for one in inside if isinstance(one, ast.ClassDef | ast.FunctionDef) and one.name == name]
        if not found:
            return False
        inside = found[0].body
    return True


def test_every_sentence_of_the_page_has_a_test() -> None:
    assert list(sentences()) == list(PROOFS)


@pytest.mark.parametrize("sentence", PROOFS)
def test_what_shows_a_sentence_to_be_true_is_there(sentence: str) -> None:
    assert PROOFS[sentence] and [proof for proof in PROOFS[sentence] if not is_there(proof)] == []
