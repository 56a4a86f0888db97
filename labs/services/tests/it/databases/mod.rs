//! One suite over all three databases: embedded SQLite, and MariaDB and PostgreSQL as real servers on free ports.
//!
//! Each case gets a database of its own, with its tables and sample data made anew. What is stored is counted past the store, by
//! another connection.

mod backend;
mod cases;
mod outages;

use backend::Backend;
use dbserver::Engine;

/// Every case on one server, one after the other: starting a server takes longer than most of them.
async fn all(backend: &mut Backend) {
    cases::orders_come_back_as_they_were_stored(backend).await;
    cases::sample_data_is_the_same_everywhere(backend).await;
    cases::unknown_customers_are_made_and_known_ones_left_alone(backend).await;
    cases::a_failing_item_leaves_nothing(backend).await;
    cases::money_is_exact(backend).await;
    cases::at_once_nothing_is_lost_or_doubled(backend).await;
    cases::who_leaves_half_way_leaves_no_half_order(backend).await;
    cases::many_may_prepare_at_once_and_again(backend).await;
    cases::a_newer_schema_is_refused(backend).await;
}

/// And what only a server can do: go away.
async fn all_outages(backend: &mut Backend) {
    outages::a_killed_connection_is_tried_again(backend).await;
    outages::killing_at_random_loses_and_doubles_nothing(backend).await;
    outages::a_server_that_restarts_is_found_again(backend).await;
    outages::a_service_waits_for_its_server_and_tells_the_truth(backend).await;
    outages::wrong_passwords_and_silent_ports_are_told(backend).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_keeps_orders() {
    all(&mut Backend::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mariadb_keeps_orders() {
    let mut backend = Backend::server(Engine::Mysql);
    all(&mut backend).await;
    cases::files_loaded_by_hand_are_what_the_service_makes(&mut backend).await;
    all_outages(&mut backend).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_keeps_orders() {
    let mut backend = Backend::server(Engine::Postgres);
    all(&mut backend).await;
    all_outages(&mut backend).await;
}
