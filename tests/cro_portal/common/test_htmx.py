def test_home_renders_and_says_that_order_is_not_sold(client, db):
    response = client.get("/")

    assert response.status_code == 200
    assert "Order is never sold" in response.content.decode()
