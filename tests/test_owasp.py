"""The OWASP GraphQL cheat sheet, point by point, each with the tests that hold it. `pytest -s` prints the list."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

POINTS: dict[str, tuple[str, ...]] = {
    "Input validation: types, scalars and enums are checked, and lengths bounded": (
        "test_transport_http.py::test_operations_that_cannot_run_are_400_or_for_plain_json_200",
        "test_app.py::test_errors_carry_their_code",
    ),
    "Input validation: malformed input is refused by the protocol, whatever it is": (
        "test_transport_fuzz.py::test_any_body_is_answered_with_a_status_of_the_clients_own",
        "test_transport_fuzz.py::test_any_query_string_is_answered_with_a_status_of_the_clients_own",
        "test_transport_fuzz.py::test_any_frames_are_answered_or_close_the_socket_with_a_code_of_the_protocol",
        "fuzz/test_edges.py::test_http",
        "fuzz/test_edges.py::test_frames",
        "fuzz/test_edges.py::test_websocket",
    ),
    "Injection: what clients send reaches no path, no log line and no name without encoding": (
        "test_app.py::test_errors_carry_their_code",
        "test_access_jwt.py::test_names_from_tokens_are_harmless_in_a_log",
        "test_injection.py::test_over_http_and_a_socket",
        "test_injection.py::test_headers",
        "test_injection.py::test_paths",
        "test_injection.py::test_ids_stay_within_their_part_of_a_marketplaces_path",
    ),
    "Denial of service: depth": ("test_limits_crossed.py::test_documents",),
    "Denial of service: amount (items and references), by cost": (
        "test_limits_crossed.py::test_documents",
        "test_limits_crossed.py::test_what_issue_and_pages_need_is_within_the_defaults",
    ),
    "Denial of service: pagination has a largest page": ("test_limits_crossed.py::test_documents",),
    "Denial of service: timeouts for requests, sockets and clients that do not read": (
        "test_limits_crossed.py::test_a_request_that_does_not_arrive",
        "test_limits_crossed.py::test_heads_that_do_not_arrive",
        "test_limits_crossed.py::test_a_client_that_does_not_read",
        "test_limits_crossed.py::test_sockets_that_say_nothing",
    ),
    "Denial of service: query cost is known before anything is fetched": ("test_limits_crossed.py::test_documents",),
    "Denial of service: rates for each client": (
        "test_limits_crossed.py::test_operations_per_second",
        "test_access_parts.py::test_rates_hold_for_each_client_by_itself",
        "test_access_shared.py::test_a_client_has_one_rate_at_two_replicas",
    ),
    "Brute force: wrong tokens are counted, and answered 429": (
        "test_limits_crossed.py::test_requests_without_a_good_token",
    ),
    "Denial of service: batching and caching on the server's side; one question in flight": (
        "test_batches.py",
        "test_schedules.py",
    ),
    "Denial of service: bodies, frames, streams and sockets are bounded": (
        "test_limits_crossed.py::test_body",
        "test_limits_crossed.py::test_heads",
        "test_limits_crossed.py::test_queries_at_one_time",
        "test_limits_crossed.py::test_frames",
        "test_limits_crossed.py::test_streams",
        "test_limits_crossed.py::test_sockets",
        "test_limits_crossed.py::test_operations_on_one_socket",
    ),
    "Access control: nobody asks without being known": (
        "test_access.py::test_without_a_good_token_everything_is_401",
        "test_access.py::test_sockets_without_a_good_token_are_closed_with_4403",
        "test_access.py::test_operations_before_connection_init_close_with_4401",
        "test_access.py::test_metrics_are_for_clients_that_may_see_every_account",
    ),
    "Access control: each object is checked, by whatever way it is reached (nodes and edges)": (
        "test_tenancy.py::test_nothing_of_another_account_is_returned_kept_or_streamed",
        "test_tenancy.py::test_a_hidden_account_reads_like_one_that_is_not_there",
        "test_tenancy.py::test_global_ids_of_hidden_accounts_open_nothing",
    ),
    "Access control: access that ends, ends streams too": (
        "test_access.py::test_a_client_that_is_taken_out_loses_its_streams_and_nobody_else_does",
        "test_access_jwt.py::test_a_token_that_was_good_ends_with_its_time",
        "test_reload.py::test_clients_that_are_taken_out_are_let_go_and_no_others",
    ),
    "Access control: introspection can be switched off": (
        "test_access.py::test_production_switches_introspection_graphiql_and_suggestions_off",
    ),
    "Access control: GraphiQL can be switched off": (
        "test_access.py::test_production_switches_introspection_graphiql_and_suggestions_off",
    ),
    "Access control: field suggestions can be switched off": (
        "test_access.py::test_production_switches_introspection_graphiql_and_suggestions_off",
    ),
    "Batching attacks: arrays of requests are not run, and aliases are bounded": (
        "test_limits_crossed.py::test_documents",
        "test_owasp.py::test_arrays_of_requests_are_refused",
    ),
    "Secure configurations: errors tell nothing of the inside": (
        "test_transport_http.py::test_results_with_errors_are_200",
        "test_unforeseen.py::test_over_http",
        "test_unforeseen.py::test_over_a_socket_that_goes_on",
    ),
    "Secure configurations: only documents that are trusted, where that is wanted": (
        "test_access_parts.py::test_trusted_documents_and_nothing_else",
    ),
    "Secure configurations: a gateway without clients is nobody else's": (
        "test_access.py::test_without_clients_no_public_name_leads_to_the_gateway",
        "test_access_parts.py::test_other_machines_need_clients_or_a_word",
    ),
    "Cross-site request forgery": (
        "test_access.py::test_pages_of_other_origins_may_not",
        "test_transport_http.py::test_get_runs_no_mutation",
    ),
}


def names_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("point", POINTS)
def test_every_point_is_held_by_tests_that_are_there(point: str) -> None:
    print(f"- {point}: {', '.join(POINTS[point])}")
    for named in POINTS[point]:
        file, _, name = named.partition("::")
        assert (TESTS / file).exists(), named
        assert not name or name in names_in(TESTS / file), named


@pytest.mark.anyio
async def test_arrays_of_requests_are_refused() -> None:
    from tests.edge import Edge

    edge = Edge()
    reply = await edge.post([{"query": "{ hello }"}, {"query": "{ hello }"}])
    assert (reply.status, reply.code) == (400, "BAD_REQUEST")
    await edge.endpoint.aclose()
